"""Vectors of texts and, of some of them, the states of their tokens, from one forward pass.

As ``EncodeOnce``, equal texts of a step are encoded once and texts of like length run together.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from models.repeats import LIKE_LENGTHS, Features, distinct_rows, read_tokens, take_rows


def together(columns: Sequence[Features]) -> Features:
    """Put columns of texts under one another, padded to the longest; all but tokens is the first's."""
    shapes = [column["attention_mask"].shape for column in columns]
    width = max(shape[1] for shape in shapes)
    joined = dict(columns[0])
    for name, value in columns[0].items():
        if isinstance(value, Tensor) and value.shape == shapes[0]:
            wide = [F.pad(column[name], (0, width - column[name].shape[1])) for column in columns]
            joined[name] = torch.cat(wide)
    return joined


class EncodeStates(nn.Module):
    """Runs a SentenceTransformer on the distinct rows of tokens, shortest first."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (SentenceTransformer)
        super().__init__()
        self.model = model

    def forward(
        self, features: Features, wanted: int = 0
    ) -> tuple[Float[Tensor, "text dim"], Float[Tensor, "wanted token width"] | None]:
        """Vectors of all texts; states of the tokens of the first ``wanted`` texts, any where padding is."""
        first, copy_of = distinct_rows(features)
        by_length = read_tokens(features)[first].sum(dim=1).argsort()
        found = [self._encode(features, first[some], bool(wanted)) for some in by_length.split(LIKE_LENGTHS)]
        place = by_length.argsort()[copy_of]
        vectors = torch.cat([vectors for vectors, _ in found])[place]
        if not wanted:
            return vectors, None
        return vectors, torch.cat([states for _, states in found])[place[:wanted]]

    def _encode(self, features: Features, rows: Tensor, with_states: bool) -> tuple[Tensor, Tensor]:
        output = self.model(take_rows(features, rows))
        vectors = output["sentence_embedding"]
        if not with_states:
            return vectors, vectors
        tokens, used = output["token_embeddings"], read_tokens(features)[rows].any(dim=0)
        wide = tokens.new_zeros(len(rows), len(used), tokens.shape[-1])
        wide[:, used] = tokens
        return vectors, wide
