"""Late interaction as a teacher: the score of a pair from the vectors of its tokens, each text encoded once.

t(q, p) = Σ_{i ∈ q} max_{j ∈ p} e_i · e_j
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.encoders.token_vectors import TokenVectors, max_sim
from models.retriever import Rows, Scores

if TYPE_CHECKING:
    from models.encoders.token_encoder import TokenEncoder

NEIGHBOURS = 256


class LateInteractionTeacher:
    """An encoder of tokens and the texts of a collection, encoded when a pair first asks for them.

    Vectors of passages are kept, as float16: at a width of 128 and 100 tokens, 25 kB a passage.
    """

    def __init__(self, encoder: "TokenEncoder", queries: Sequence[str], passages: Sequence[str]) -> None:
        self.encoder = encoder
        self.queries = LazyTokens(queries, encoder.encode_queries)
        self.passages = LazyTokens(passages, encoder.encode_passages)

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Score pairs, query by query."""
        scores = np.empty(len(query_rows), dtype=np.float32)
        for row in np.unique(query_rows):
            places = np.flatnonzero(query_rows == row)
            query, passages = self.queries.take([int(row)]), self.passages.take(passage_rows[places].tolist())
            scores[places] = max_sim(query, passages)[0]
        return scores

    def facts(self) -> dict[str, str]:
        """How passages were encoded."""
        return self.encoder.facts()

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing: there is one way to encode on a machine."""


class LazyTokens:
    """Vectors of the tokens of texts, each text encoded once.

    Neighbours are encoded together, so that the last digits of a vector, which depend on its batch, do not
    depend on which pairs were asked about before.
    """

    def __init__(self, texts: Sequence[str], encode: Callable[[Sequence[str]], TokenVectors]) -> None:
        self._texts = texts
        self._encode = encode
        self._groups: dict[int, TokenVectors] = {}

    def take(self, rows: Sequence[int]) -> TokenVectors:
        """Vectors of some texts, at least one, in the order of ``rows``."""
        found = [self._group(row // NEIGHBOURS).text(row % NEIGHBOURS) for row in rows]
        return TokenVectors.of(found, found[0])

    def _group(self, number: int) -> TokenVectors:
        if number not in self._groups:
            start = number * NEIGHBOURS
            self._groups[number] = self._encode(self._texts[start : start + NEIGHBOURS])
        return self._groups[number]
