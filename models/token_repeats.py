"""A text that stands in many lists of a step is encoded once, into one vector per token.

The libraries' losses take copies of a text's vectors as they take those of different texts, so that they
work on lists of 17 passages, of which 60 in a step are distinct, as fast as on 60 passages.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from jaxtyping import Bool, Float
from sentence_transformers import MultiVectorEncoder
from sentence_transformers.util.tensor import cat_padded_token_embeddings
from torch import Tensor, nn

from models.repeats import LIKE_LENGTHS, Features, distinct_rows, read_tokens, take_rows


@dataclass(frozen=True)
class EncodedTexts:
    """Distinct texts of a step: what the model read of them, as what, and what it made of it."""

    features: Features
    task: str | None
    vectors: Float[Tensor, "text token dim"]
    is_scored: Bool[Tensor, "text token"]


class EncodeTokensOnce(nn.Module):
    """Encodes equal texts of a step once, and texts of like length together, so that little is padded.

    Gradients are those of the model itself, but for its dropout and the order of sums.
    """

    def __init__(self, model: MultiVectorEncoder) -> None:
        super().__init__()
        self.model = model
        self._recorded: list[EncodedTexts] | None = None

    def forward(self, features: Features, task: str | None = None) -> Features:
        """Run the model on distinct rows of tokens, shortest first, and hand its vectors to every copy."""
        first, copy_of = distinct_rows(features)
        by_length = read_tokens(features)[first].sum(dim=1).argsort()
        parts = [self._encode(features, first[some], task) for some in by_length.split(LIKE_LENGTHS)]
        vectors, is_scored = cat_padded_token_embeddings(
            [part.vectors for part in parts], [part.is_scored for part in parts]
        )
        copies = by_length.argsort()[copy_of]
        return {"token_embeddings": vectors[copies], "attention_mask": is_scored[copies]}

    @contextmanager
    def recording(self) -> Generator[list[EncodedTexts]]:
        """Note what is encoded inside, for a loss that looks at the vectors themselves."""
        self._recorded = []
        try:
            yield self._recorded
        finally:
            self._recorded = None

    def _encode(self, features: Features, rows: Tensor, task: str | None) -> EncodedTexts:
        some = take_rows(features, rows)
        # The model writes into what it is given.
        output = self.model(dict(some), task=task)
        # Scores are sums of many products: in sixteen bits, passages of one list would tie.
        vectors, is_scored = output["token_embeddings"].float(), output["attention_mask"].bool()
        encoded = EncodedTexts(some, task, vectors, is_scored)
        if self._recorded is not None:
            self._recorded.append(encoded)
        return encoded


def pick(texts: EncodedTexts, rows: Tensor) -> EncodedTexts:
    """Take some texts, without the columns that are padding in all of them."""
    used = read_tokens(texts.features)[rows].any(dim=0)
    return EncodedTexts(
        features=take_rows(texts.features, rows),
        task=texts.task,
        vectors=texts.vectors[rows][:, used],
        is_scored=texts.is_scored[rows][:, used],
    )
