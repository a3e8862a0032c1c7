"""Sparse retrieval: texts become weights of terms, and an inverted index adds up those that they share.

    s(q, p) = Σ over terms v of both  w_qv · w_pv

Passages lie by term (scipy's compressed rows of the transposed matrix), so that a query touches the postings
of its own terms alone. A passage that shares no term with it, and so has the score 0, is no hit. What a query
costs is not the size of the vocabulary but the products, on average

    FLOPS = Σ_v p_q(v) · p_p(v),    p(v) the share of queries, or of passages, that have the term v

Source: Formal et al. 2021, https://arxiv.org/abs/2109.10086
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from models.retriever import Hits, Rows, Scores, top_hits

# Scores of a block of queries with all passages, if every passage shared a term: 32 MB.
CELLS = 4_000_000


@runtime_checkable
class TermQueries(Protocol):
    """What sparse retrieval asks of an encoder once the passages are weights."""

    @property
    def parameters(self) -> int:
        """Number of weights."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> csr_array:
        """Weights of the terms of each query, [query, vocab]."""
        ...


class SparseRetriever:
    """An inverted index over the term weights of passages; none is below 0."""

    def __init__(self, encoder: TermQueries, passages: csr_array) -> None:
        """Index the passages.

        Args:
            encoder: makes the weights of queries.
            passages: weights of the terms of each passage, [passage, vocab].
        """
        self._encoder = encoder
        self.size, vocabulary = shape_of(passages)
        self._index = passages.T.tocsr()
        self._passage_terms = np.diff(self._index.indptr)
        self._query_terms: npt.NDArray[np.int64] = np.zeros(vocabulary, dtype=np.int64)
        self._queries = 0

    @property
    def index_bytes(self) -> int:
        """Size of the postings: weights, rows and where each term's begin."""
        index = self._index
        return int(index.data.nbytes + index.indices.nbytes + index.indptr.nbytes)

    @property
    def parameters(self) -> int:
        """Number of weights of the query encoder."""
        return self._encoder.parameters

    def costs(self) -> dict[str, float]:
        """Mean terms of a passage, and of the queries encoded so far; products that such a pair costs."""
        passages, queries = max(1, self.size), max(1, self._queries)
        return {
            "passage_terms": float(self._passage_terms.sum() / passages),
            "query_terms": float(self._query_terms.sum() / queries),
            "flops": float((self._query_terms / queries) @ (self._passage_terms / passages)),
        }

    def encode(self, queries: Sequence[str]) -> csr_array:
        """Weights of the terms of each query, [query, vocab]."""
        encoded = self._encoder.encode_queries(queries)
        self._query_terms += np.bincount(encoded.indices, minlength=len(self._query_terms))
        self._queries += len(queries)
        return encoded

    def search(self, encoded: csr_array, depth: int) -> Hits:
        """Give the ``depth`` best passages of each query; sums are float32, in the order of the terms."""
        hits = [_best(rows, scores, depth) for rows, scores in self._scored(encoded)]
        rows = np.array([each.rows[0] for each in hits], dtype=np.int64).reshape(len(hits), depth)
        scores = np.array([each.scores[0] for each in hits], dtype=np.float32).reshape(len(hits), depth)
        return Hits(rows, scores)

    def _scored(self, encoded: csr_array) -> list[tuple[Rows, Scores]]:
        """Rows and scores of the passages that share a term with each query."""
        block = max(1, CELLS // max(1, self.size))
        found: list[tuple[Rows, Scores]] = []
        for start in range(0, shape_of(encoded)[0], block):
            scores = encoded[start : start + block] @ self._index
            for first, last in zip(scores.indptr[:-1], scores.indptr[1:], strict=True):
                found.append((scores.indices[first:last].astype(np.int64), scores.data[first:last]))
        return found


def shape_of(matrix: csr_array) -> tuple[int, int]:
    """Rows and columns; scipy's types leave open whether there are any."""
    rows, columns = matrix.shape  # pyright: ignore[reportGeneralTypeIssues]
    return rows, columns


def _best(rows: Rows, scores: Scores, depth: int) -> Hits:
    """The ``depth`` best of one query's scores over 0, [1, depth]."""
    rows, scores = rows[scores > 0], scores[scores > 0]
    if rows.size > depth:
        # All that tie with the last place stay, for the row decides among them.
        kept = scores >= np.partition(scores, rows.size - depth)[rows.size - depth]
        rows, scores = rows[kept], scores[kept]
    empty = max(0, depth - rows.size)
    scores = np.concatenate([scores, np.full(empty, -np.inf, dtype=np.float32)])
    return top_hits(scores[None], np.concatenate([rows, np.full(empty, -1)])[None], depth)
