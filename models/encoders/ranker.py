"""A ranker that is looked into: a cross-encoder's logits, and what its last layer sees and attends to.

It is read without gradients and as it is when it does not learn (no dropout). It may go on learning beside
the retriever: then it has an optimizer of its own, and what it says of a pair changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.checkpoints import moments, set_moments, under
from models.encoders.word_alignment import NO_WORD, word_places

PAIRS_AT_ONCE = 16  # All layers' attentions of so many pairs are held at a time, though the last is read.
Pair = tuple[str, str]


@dataclass(frozen=True)
class Reading:
    """What the last layer made of pairs, and the word of each token, in the query and in the passage.

    ``attention`` is after softmax, the mean of its heads.
    """

    attention: Float[Tensor, "pair token token"]
    states: Float[Tensor, "pair token dim"]
    query_places: Int[Tensor, "pair token"]
    passage_places: Int[Tensor, "pair token"]


class Ranker:
    """A CrossEncoder whose attention can be read (``eager``), and how many tokens of a pair it gets.

    Args:
        model: changes only by ``learn``.
        max_tokens: of query and passage together.
        learning_rate: of ``learn``; AdamW's, constant.
    """

    def __init__(self, model: Any, max_tokens: int, learning_rate: float = 1e-5) -> None:  # noqa: ANN401
        self.model = model.model.eval()
        self.tokenizer = model.tokenizer
        self.max_tokens = min(filter(None, (max_tokens, model.max_seq_length)))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate)

    @property
    def width(self) -> int:
        """Length of a token's state."""
        return int(self.model.config.hidden_size)

    @torch.no_grad()
    def scores(self, pairs: Sequence[Pair]) -> Float[Tensor, " pair"]:
        """Raw logit of each pair; equal pairs are scored once."""
        distinct = list(dict.fromkeys(pairs))
        features = self._features(self._encode(distinct))
        found = torch.zeros(len(distinct), device=self.model.device)
        for rows, _, some in _like_lengths(features):
            found[rows] = self.model(**some).logits[:, 0].float()
        place = {pair: row for row, pair in enumerate(distinct)}
        return found[[place[pair] for pair in pairs]]

    @torch.no_grad()
    def read(self, pairs: Sequence[Pair]) -> Reading:
        """Give what the last layer attends to, its states, and where words are."""
        encoded = self._encode(pairs)
        features = self._features(encoded)
        texts, tokens = features["input_ids"].shape
        attention = torch.zeros(texts, tokens, tokens, device=self.model.device)
        states = torch.zeros(texts, tokens, self.width, device=self.model.device)
        for rows, columns, some in _like_lengths(features):
            seen = self.model(**some, output_attentions=True, output_hidden_states=True)
            own, across = torch.meshgrid(columns, columns, indexing="ij")
            attention[rows[:, None, None], own, across] = seen.attentions[-1].float().mean(dim=1)
            states[rows[:, None], columns] = seen.hidden_states[-1].float()
        places = [self._places(encoded, pairs, side) for side in (0, 1)]
        return Reading(attention, states, *places)

    def learn(self, pairs: Sequence[Sequence[Pair]], left_out: Bool[Tensor, "query candidate"]) -> None:
        """Take one step towards putting each list's first pair first, by the listwise cross-entropy.

        Args:
            pairs: lists of one length, the positive first.
            left_out: what does not count, such as a passage that stands in its list before.
        """
        lists_at_once = max(1, PAIRS_AT_ONCE // len(pairs[0]))
        with torch.enable_grad():
            for start in range(0, len(pairs), lists_at_once):
                some = pairs[start : start + lists_at_once]
                features = self._features(self._encode([pair for each in some for pair in each]))
                logits = self.model(**features).logits.float().view(len(some), -1)
                logits = logits.masked_fill(left_out[start : start + len(some)], -torch.inf)
                first = torch.zeros(len(some), dtype=torch.long, device=logits.device)
                (F.cross_entropy(logits, first, reduction="sum") / len(pairs)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def memory(self) -> dict[str, Tensor]:
        """What it has become by learning (``models.resuming``)."""
        weights = {f"weights.{name}": each for name, each in self.model.named_parameters()}
        return weights | {f"optimizer.{name}": each for name, each in moments(self.optimizer).items()}

    @torch.no_grad()
    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Become that again."""
        for name, weights in self.model.named_parameters():
            weights.copy_(memory[f"weights.{name}"])
        set_moments(self.optimizer, under(memory, "optimizer."))

    def _encode(self, pairs: Sequence[Pair]) -> Any:  # noqa: ANN401  (BatchEncoding)
        queries, passages = zip(*pairs, strict=True)
        return self.tokenizer(
            list(queries),
            list(passages),
            truncation="longest_first",
            max_length=self.max_tokens,
            padding=True,
            return_tensors="pt",
        )

    def _features(self, encoded: Any) -> dict[str, Tensor]:  # noqa: ANN401
        return {name: value.to(self.model.device) for name, value in encoded.items()}

    def _places(self, encoded: Any, pairs: Sequence[Pair], side: int) -> Int[Tensor, "pair token"]:  # noqa: ANN401
        found: list[list[int]] = []
        for pair, each in zip(pairs, encoded.encodings, strict=True):
            words = word_places(pair[side], each.offsets)
            belongs = [sequence == side for sequence in each.sequence_ids]
            found.append([word if own else NO_WORD for word, own in zip(words, belongs, strict=True)])
        return torch.tensor(found, device=self.model.device)


def _like_lengths(features: dict[str, Tensor]) -> Iterator[tuple[Tensor, Tensor, dict[str, Tensor]]]:
    """Rows of like lengths, the columns that any of them uses, and their tokens there."""
    mask = features["attention_mask"]
    for rows in mask.sum(dim=1).argsort().split(PAIRS_AT_ONCE):
        columns = mask[rows].any(dim=0).nonzero()[:, 0]
        yield rows, columns, {name: value[rows][:, columns] for name, value in features.items()}
