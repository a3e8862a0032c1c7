"""A sparse encoder as a teacher: the inner product of two texts' term weights, each text encoded once.

t(q, p) = Σ over terms v of both  w_qv · w_pv
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array, vstack

from models.encoders.term_encoder import TermEncoder
from models.retriever import Rows, Scores

NEIGHBOURS = 256
PAIRS_AT_ONCE = 16_384


class TermTeacher:
    """A sparse encoder and the texts of a collection, encoded when a pair first asks for them."""

    def __init__(self, encoder: TermEncoder, queries: Sequence[str], passages: Sequence[str]) -> None:
        self.encoder = encoder
        self.queries = LazyTerms(queries, encoder.encode_queries)
        self.passages = LazyTerms(passages, encoder.encode_passages)

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Inner product of each pair's weights, summed in the order of the terms."""
        scores = np.empty(len(query_rows), dtype=np.float32)
        for start in range(0, len(scores), PAIRS_AT_ONCE):
            some = slice(start, start + PAIRS_AT_ONCE)
            queries, passages = self.queries.of(query_rows[some]), self.passages.of(passage_rows[some])
            scores[some] = queries.multiply(passages).sum(axis=1)
        return scores

    def facts(self) -> dict[str, str]:
        """How texts were encoded."""
        return {"precision": self.encoder.precision}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Do nothing: there is one way to encode."""


class LazyTerms:
    """Term weights of texts, each made once.

    Neighbours are encoded together, so that the last digits of a weight, which depend on its batch, do not
    depend on which pairs were asked about before.
    """

    def __init__(self, texts: Sequence[str], encode: Callable[[Sequence[str]], csr_array]) -> None:
        self.texts = texts
        self._encode = encode
        self._groups: dict[int, csr_array] = {}

    def of(self, rows: Rows) -> csr_array:
        """Weights of the texts of ``rows``, [row, vocab]."""
        groups, place = np.unique(rows // NEIGHBOURS, return_inverse=True)
        for group in groups.tolist():
            if group not in self._groups:
                self._groups[group] = self._encode(self.texts[group * NEIGHBOURS : (group + 1) * NEIGHBOURS])
        together = csr_array(vstack([self._groups[group] for group in groups.tolist()]))
        return together[place * NEIGHBOURS + rows % NEIGHBOURS]
