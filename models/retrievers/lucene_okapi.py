"""rank-bm25 with Lucene's idf and without the factor k1 + 1: what bm25s calls lucene.

    s(q, d) = Σ_{t ∈ q} log(1 + (N − n_t + ½) / (n_t + ½)) · f / (f + k1 · (1 − b + b · |d| / avg |d|))

where n_t of the N passages hold the term t, and d holds it f times. rank-bm25's own idf turns negative
for a term that more than half of the passages hold, and is then replaced by a floor; Lucene's is always
positive. Source: Kamphuis, de Vries, Boytsov, Lin, "Which BM25 Do You Mean?", ECIR 2020.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rank_bm25 import BM25Okapi


class LuceneOkapi(BM25Okapi):
    """An index over passages given as lists of token ids; ``get_scores`` scores all of them."""

    def __init__(self, passages: Sequence[Sequence[int]], k1: float, b: float) -> None:
        super().__init__(passages, k1=k1, b=b)

    def _calc_idf(self, nd: dict[int, int]) -> None:
        """Fill ``idf``; ``nd`` holds, for each term, the number of passages with it."""
        for term, holders in nd.items():
            idf = math.log(1 + (self.corpus_size - holders + 0.5) / (holders + 0.5))
            # get_scores multiplies by k1 + 1, which this variant does not.
            self.idf[term] = idf / (self.k1 + 1)

    def get_scores(self, query: Sequence[int]) -> npt.NDArray[np.float64]:
        """Score every passage; 0 also where b = 1 divides 0 occurrences by the length 0."""
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(super().get_scores(query))
