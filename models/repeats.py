"""A text that stands in many lists is tokenised once and, in a step, encoded once.

Lists share passages: a step of 32 lists of 17 passages may name 64 distinct ones. The libraries' trainers
work on columns and would tokenise and encode all 544.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

REMEMBERED_TEXTS = 20_000  # About 50 MB at 100 tokens a text.
LIKE_LENGTHS = 32  # Texts run at a time; fewer waste less on padding, but every run has its own overhead.

Features = dict[str, Any]


class TokenizeOnce:
    """Tokenises a column of texts as ``preprocess`` does, from memory where a text was met before.

    What is remembered of a text is its row of every tensor that has the shape of the attention mask,
    without padding; whatever else ``preprocess`` gives must not depend on the texts.
    """

    def __init__(self, preprocess: Callable[..., Features], tokenizer: Any) -> None:  # noqa: ANN401
        self.preprocess = preprocess
        self.padding = {
            "input_ids": tokenizer.pad_token_id,
            "token_type_ids": tokenizer.pad_token_type_id,
        }
        self.side = tokenizer.padding_side
        self._rows: OrderedDict[tuple[object, ...], dict[str, Tensor]] = OrderedDict()
        self._rest: dict[tuple[object, ...], Features] = {}

    def __call__(self, texts: Sequence[str], **options: object) -> Features:
        """Give token tensors [text, longest], as if ``texts`` had been tokenised together."""
        how = tuple(sorted(options.items()))
        missing = list(dict.fromkeys(text for text in texts if (how, text) not in self._rows))
        if missing:
            self._learn(missing, how, dict(self.preprocess(missing, **options)))
        rows = [self._rows[how, text] for text in texts]
        for text in texts:
            self._rows.move_to_end((how, text))
        while len(self._rows) > max(REMEMBERED_TEXTS, len(texts)):
            self._rows.popitem(last=False)
        padded = {
            name: pad_sequence(
                [row[name] for row in rows],
                batch_first=True,
                padding_value=self.padding.get(name, 0),
                padding_side=self.side,
            )
            for name in rows[0]
        }
        return {**padded, **self._rest[how]}

    def _learn(self, texts: list[str], how: tuple[object, ...], features: Features) -> None:
        read = read_tokens(features)
        tokens = {
            name: value
            for name, value in features.items()
            if isinstance(value, Tensor) and value.shape == read.shape
        }
        self._rest[how] = {name: value for name, value in features.items() if name not in tokens}
        for place, (text, used) in enumerate(zip(texts, read, strict=True)):
            # A copy: a slice would keep the whole batch.
            self._rows[how, text] = {name: value[place][used].clone() for name, value in tokens.items()}


def read_tokens(features: Features) -> Tensor:
    """Say which tokens are no padding, [text, token]: those attended to, and those that expand a query."""
    attended: Tensor = features["attention_mask"].bool()
    expansion = features.get("query_expansion_positions")
    return attended if expansion is None else attended | expansion.bool()


def distinct_rows(features: Features) -> tuple[Tensor, Tensor]:
    """Find equal texts: the first row of each distinct one, [distinct], and whose copy a row is, [text]."""
    # Columns of one text may be padded to several widths, and with several tokens.
    tokens = features["input_ids"].masked_fill(~read_tokens(features), -1)
    _, copy_of = torch.unique(tokens, dim=0, return_inverse=True)
    first = torch.full((int(copy_of.max()) + 1,), len(tokens), device=tokens.device)
    first = first.scatter_reduce(0, copy_of, torch.arange(len(tokens), device=tokens.device), "amin")
    return first, copy_of


def take_rows(features: Features, rows: Tensor) -> Features:
    """Take some rows of what a model reads, without the columns that are padding in all of them."""
    read = read_tokens(features)
    used = read[rows].any(dim=0)
    return {
        name: value[rows][:, used] if isinstance(value, Tensor) and value.shape == read.shape else value
        for name, value in features.items()
    }


class KeepTexts:
    """Tokenises a column of texts as ``preprocess`` does, and hands the texts on beside their tokens."""

    def __init__(self, preprocess: Callable[..., Features]) -> None:
        self.preprocess = preprocess

    def __call__(self, texts: Sequence[str], **options: object) -> Features:
        """Give the tokens, and the texts under ``texts``."""
        return {**self.preprocess(texts, **options), "texts": list(texts)}


class EncodeOnce(nn.Module):
    """Encodes equal texts of a step once, and texts of like length together, so that little is padded.

    Gradients are those of the model itself, but for its dropout and the order of sums.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Features) -> Features:
        """Run the model on distinct rows of tokens, shortest first, and hand its vectors to every copy."""
        first, copy_of = distinct_rows(features)
        by_length = features["attention_mask"][first].sum(dim=1).argsort()
        vectors = [
            self.model(take_rows(features, first[some]))["sentence_embedding"]
            for some in by_length.split(LIKE_LENGTHS)
        ]
        return {"sentence_embedding": torch.cat(vectors)[by_length.argsort()][copy_of]}
