"""Texts as rows of vectors, one per token, end to end; and the score of late interaction over them.

    s(q, p) = Σ_{i ∈ q} max_{j ∈ p} e_i · e_j

summed in float64 and rounded to float32, so that passages with equal vectors get equal scores wherever they
stand. Source: Khattab, Zaharia 2020 (ColBERT), https://arxiv.org/abs/2004.12832
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from data.errors import InputError

# Products of this many pairs of tokens are held at a time: 32 MB.
AT_ONCE = 8_000_000
# Sums of float32 products err by this share of |e_i| |e_j| at most.
NOISE = 1e-5
Vectors = Float[np.ndarray, "_ dim"]


@dataclass(frozen=True)
class TokenVectors:
    """Vectors of the tokens of texts; those of text i stand in rows ``starts[i]`` to ``starts[i + 1]``.

    Passages are kept as float16: that changes the score of a passage in the fourth digit.
    """

    vectors: Float[np.ndarray, "token dim"]
    starts: Int64[np.ndarray, " text_and_end"]

    @classmethod
    def of(
        cls, texts: Sequence[Float[np.ndarray, "_ dim"]], like: Float[np.ndarray, "_ dim"]
    ) -> "TokenVectors":
        """Lay texts end to end; ``like`` says width and type where there are none."""
        starts = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        return cls(np.concatenate([like[:0], *texts]), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.vectors.nbytes + self.starts.nbytes

    def text(self, row: int) -> Vectors:
        """Vectors of one text."""
        return self.vectors[self.starts[row] : self.starts[row + 1]]

    def take(self, rows: Sequence[int] | Int64[np.ndarray, " some"]) -> "TokenVectors":
        """Some texts, in the order of ``rows``."""
        return TokenVectors.of([self.text(int(row)) for row in rows], self.vectors)


def max_sim(queries: TokenVectors, passages: TokenVectors) -> Float32[np.ndarray, "query passage"]:
    """Score every query with every passage.

    A passage without a token to score is worse than any other: its score is -inf.

    Raises:
        InputError: a vector holds NaN or infinity.
    """
    scores = np.full((len(queries), len(passages)), -np.inf, dtype=np.float32)
    asked = queries.vectors.astype(np.float32)
    filled = np.flatnonzero(np.diff(passages.starts))
    for some in _blocks(passages.starts, filled, max(1, AT_ONCE // max(1, len(asked)))):
        first, last = passages.starts[some[0]], passages.starts[some[-1] + 1]
        best = _best_matches(asked, passages.vectors[first:last], passages.starts[some] - first)
        # A running sum would take a query without tokens for its neighbour.
        for row, (start, stop) in enumerate(zip(queries.starts, queries.starts[1:], strict=False)):
            scores[row, some] = best[start:stop].sum(axis=0)
    return scores


def _best_matches(
    asked: Float32[np.ndarray, "query_token dim"],
    tokens: Float[np.ndarray, "token dim"],
    starts: Int64[np.ndarray, " passage"],
) -> Float[np.ndarray, "query_token passage"]:
    """The best product of each query token with the tokens of each passage, in float64.

    A matrix product in float32 finds which tokens may be the best; its last digits depend on where a token
    stands. Those few products are made again, one by one.
    """
    if not len(asked):
        return np.zeros((0, len(starts)))
    held = tokens.astype(np.float32)
    products = asked @ held.T
    best = np.maximum.reduceat(products, starts, axis=1)
    if not np.isfinite(best).all():
        raise InputError(
            where="late interaction",
            found="NaN or infinity in the vectors of a query or a passage",
            expected="numbers",
            advice='Set precision = "float32", or train with a lower training.learning_rate.',
        )
    longest = [np.sqrt(np.einsum("ij,ij->i", each, each).max()) for each in (asked, held)]
    owners = np.repeat(np.arange(len(starts)), np.diff([*starts, len(tokens)]))
    query, token = np.nonzero(products >= best[:, owners] - NOISE * longest[0] * longest[1])
    exact = (asked[query].astype(np.float64) * held[token]).sum(axis=1)
    runs = np.flatnonzero(np.diff(query * len(starts) + owners[token], prepend=-1))
    return np.maximum.reduceat(exact, runs).reshape(best.shape)


def _blocks(
    starts: Int64[np.ndarray, " text_and_end"], rows: Int64[np.ndarray, " filled"], tokens: int
) -> list[Int64[np.ndarray, " some"]]:
    """Cut texts that have tokens into runs of about so many tokens."""
    if not rows.size:
        return []
    cuts = np.flatnonzero(np.diff(starts[rows] // tokens)) + 1
    return np.split(rows, cuts)
