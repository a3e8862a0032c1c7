"""BM25: a passage is good if it holds the query's rare words, often, and is not long.

    s(q, d) = Σ_{t ∈ q} log(1 + (N − n_t + ½) / (n_t + ½)) · f / (f + k1 · (1 − b + b · |d| / avg |d|))

where n_t of the N passages hold the term t, and d holds it f times; |d| counts tokens. Small
collections are searched with rank-bm25, large ones with bm25s, which keeps every summand in an inverted
index: the same variant, the same tokens, the same parameters, and so the same scores.
Source: Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009, with Lucene's idf.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat, PositiveInt

from models.retriever import Hits, RetrieverConfig, Scores, top_hits
from models.settings import Name

Library = Literal["rank-bm25", "bm25s"]
Tokens = list[list[int]]
IDF = "log(1+(N-n+.5)/(n+.5))"


class Bm25Config(RetrieverConfig):
    """Which words count, by which weights, in which library."""

    kind: Literal["bm25"] = "bm25"
    name: Name = "bm25"
    library: Literal["auto", "rank-bm25", "bm25s"] = Field(
        default="auto", description="auto: rank-bm25, but bm25s for a collection that is large."
    )
    large_passages: PositiveInt = Field(
        default=1_000,
        description="From so many passages on a collection is large: rank-bm25 visits every passage for "
        "every word of a query, bm25s only those that hold it.",
    )
    k1: PositiveFloat = Field(default=1.5, description="How slowly repeats saturate; bm25s' default.")
    b: float = Field(default=0.75, ge=0, le=1, description="How much length counts; bm25s' default.")
    stopwords: Literal["english", "none"] = Field(
        default="english", description="Words left out: the 33 of Lucene and bm25s, or none."
    )
    stemmer: Literal["english", "none"] = Field(
        default="none", description="Snowball's stemmer, or words as they stand, as bm25s does by default."
    )

    def build(self, passages: Sequence[str]) -> "Bm25Retriever":
        """Index the passages' texts, given in the order of their rows."""
        return Bm25Retriever(
            passages,
            library=self._library(len(passages)),
            k1=self.k1,
            b=self.b,
            tokenize=make_tokenizer(self.stopwords, self.stemmer),
        )

    def _library(self, passages: int) -> Library:
        if self.library != "auto":
            return self.library
        return "bm25s" if passages >= self.large_passages else "rank-bm25"


def make_tokenizer(stopwords: str, stemmer: str) -> Callable[[Sequence[str]], list[list[str]]]:
    """Give the function that makes tokens of texts: lower-cased words of two characters or more.

    >>> make_tokenizer("english", "english")(["The Alps are rising"])
    [['alp', 'rise']]
    """
    import Stemmer

    library = _quiet_bm25s()
    options: dict[str, Any] = {
        "stopwords": "english" if stopwords == "english" else [],
        "stemmer": Stemmer.Stemmer("english") if stemmer == "english" else None,
    }

    def tokenize(texts: Sequence[str]) -> list[list[str]]:
        return library.tokenize(list(texts), return_ids=False, show_progress=False, **options)

    return tokenize


class Bm25Retriever:
    """An index over passages; a query becomes the ids of those of its tokens that any passage holds."""

    parameters = 0

    def __init__(
        self,
        passages: Sequence[str],
        *,
        library: Library,
        k1: float,
        b: float,
        tokenize: Callable[[Sequence[str]], list[list[str]]],
    ) -> None:
        self.size = len(passages)
        self.description = f"{library} lucene k1={k1:g} b={b:g} idf={IDF}"
        self._tokenize = tokenize
        self._vocabulary: dict[str, int] = {}
        known = self._vocabulary
        # One text at a time: its strings are dropped as soon as they are numbers.
        tokens = [[known.setdefault(word, len(known)) for word in tokenize([text])[0]] for text in passages]
        index = _rank_bm25 if library == "rank-bm25" else _bm25s
        self._score, self._postings_bytes = index(tokens, len(known), k1, b)

    @property
    def index_bytes(self) -> int:
        """Size of what the library keeps, and of the vocabulary."""
        vocabulary = sys.getsizeof(self._vocabulary) + sum(map(sys.getsizeof, self._vocabulary))
        return self._postings_bytes + vocabulary

    def encode(self, queries: Sequence[str]) -> Tokens:
        """Give the ids of each query's tokens, repeats included; words of no passage are left out."""
        known = self._vocabulary
        return [[known[word] for word in words if word in known] for words in self._tokenize(queries)]

    def scores(self, query: list[int]) -> Scores:
        """Score every passage, [passage]; 0 where it holds no token of the query."""
        if not query:
            return np.zeros(self.size, dtype=np.float32)
        # Sums in float64 that are equal but for their rounding are equal in float32: a tie.
        return self._score(query).astype(np.float32)

    def search(self, encoded: Tokens, depth: int) -> Hits:
        """Give the ``depth`` best passages of each query, of those that hold a token of it.

        One query at a time, so that no more than one number per passage is held.
        """
        hits = [_best(self.scores(query), depth) for query in encoded]
        rows = np.array([each.rows for each in hits], dtype=np.int64).reshape(len(hits), depth)
        scores = np.array([each.scores for each in hits], dtype=np.float32).reshape(len(hits), depth)
        return Hits(rows, scores)


def _best(scores: Scores, depth: int) -> Hits:
    """The ``depth`` best of one query's ``scores`` over 0, [1, depth]."""
    rows = np.flatnonzero(scores)
    if rows.size > depth:
        found = scores[rows]
        # All that tie with the last place stay, for the row decides among them.
        rows = rows[found >= np.partition(found, rows.size - depth)[rows.size - depth]]
    empty = max(0, depth - rows.size)
    padded = np.concatenate([scores[rows], np.full(empty, -np.inf, dtype=np.float32)])
    return top_hits(padded[None], np.concatenate([rows, np.full(empty, -1)])[None], depth)


Scorer = Callable[[list[int]], npt.NDArray[np.float64]]


def _rank_bm25(passages: Tokens, _: int, k1: float, b: float) -> tuple[Scorer, int]:
    from models.retrievers.lucene_okapi import LuceneOkapi

    index = LuceneOkapi(passages, k1, b)
    kept: list[Any] = [index.idf, index.doc_len, index.doc_freqs, *index.doc_freqs]
    return index.get_scores, sum(map(sys.getsizeof, kept))


def _bm25s(passages: Tokens, terms: int, k1: float, b: float) -> tuple[Scorer, int]:
    index = _quiet_bm25s().BM25(k1=k1, b=b, method="lucene", dtype="float64")
    vocabulary = {str(term): term for term in range(terms)}
    # Where no passage holds any token the mean length is 0, and there is no posting to divide for.
    with np.errstate(invalid="ignore"):
        index.index((passages, vocabulary), create_empty_token=False, show_progress=False)
    arrays: list[Any] = [index.scores[part] for part in ("data", "indices", "indptr")]
    return index.get_scores_from_ids, sum(array.nbytes for array in arrays)


def _quiet_bm25s() -> Any:  # noqa: ANN401  (an untyped library)
    import bm25s

    # When imported it asks for debug messages, whatever the program asks for.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s
