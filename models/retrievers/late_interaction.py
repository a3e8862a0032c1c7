"""Late interaction: with all passages where they are few, else with those that own a token near the query's.

    s(q, p) = Σ_{i ∈ q} max_{j ∈ p} e_i · e_j

A large collection is searched in two stages: FAISS finds, for each token of the query, the nearest tokens of
all passages, and every passage that owns one of them is scored exactly. A passage is missed only if none of
its tokens is among the nearest of any token of the query.
Source: Khattab, Zaharia 2020 (ColBERT), https://arxiv.org/abs/2004.12832, section 3.6
"""

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from models.encoders.token_vectors import TokenVectors, max_sim
from models.retriever import Hits, Rows, top_hits
from models.retrievers.faiss_index import FaissIndex, IndexChoice, IvfConfig
from models.settings import Settings


class LateInteractionConfig(Settings):
    """When search is exact, and how candidates are found when it is not."""

    exact_up_to_tokens: NonNegativeInt = Field(
        default=500_000,
        description="Up to so many tokens of all passages, some 5,000 passages, each passage is scored.",
    )
    index: IndexChoice = Field(default=IvfConfig(), description="Over the tokens of a larger collection.")
    near_tokens: PositiveInt = Field(
        default=512, description="Tokens found for each token of a query; as ColBERT, half of the depth."
    )


QUERIES_AT_ONCE = 8
EXACT = LateInteractionConfig()


class LateInteractionRetriever:
    """An index over the token vectors of passages, which are kept as they are given: float16."""

    def __init__(
        self,
        encode_queries: Callable[[Sequence[str]], TokenVectors],
        passages: TokenVectors,
        settings: LateInteractionConfig = EXACT,
        parameters: int = 0,
    ) -> None:
        self.parameters = parameters
        self._encode = encode_queries
        self._passages = passages
        self._near = settings.near_tokens
        tokens, width = passages.vectors.shape
        self._index = None
        described = "exact"
        if tokens > settings.exact_up_to_tokens:
            self._index = FaissIndex(passages.vectors.astype(np.float32), settings.index)
            described = f"faiss {settings.index.describe(tokens)} near_tokens={self._near}"
        self.description = f"late interaction {described} tokens={tokens} dim={width}"

    @property
    def index_bytes(self) -> int:
        """Size of all token vectors and, where there is one, of the FAISS index, which holds float32."""
        return self._passages.bytes + (self._index.bytes if self._index else 0)

    def encode(self, queries: Sequence[str]) -> TokenVectors:
        """One vector per token of each query, and of what it is padded with."""
        return self._encode(queries)

    def search(self, encoded: TokenVectors, depth: int) -> Hits:
        """Give the ``depth`` best passages of each query.

        Raises:
            InputError: a query's vector is not finite.
        """
        # All passages are looked at for several queries at a time; those near a query for it alone.
        together = 1 if self._index else QUERIES_AT_ONCE
        groups = [range(len(encoded))[first : first + together] for first in range(0, len(encoded), together)]
        hits = [self._search(encoded.take(group), depth) for group in groups]
        rows = [each.rows for each in hits] or [np.zeros((0, depth), dtype=np.int64)]
        scores = [each.scores for each in hits] or [np.zeros((0, depth), dtype=np.float32)]
        return Hits(np.concatenate(rows), np.concatenate(scores))

    def _search(self, queries: TokenVectors, depth: int) -> Hits:
        """Search for a few queries: what is held at a time is their products with a block of passages."""
        found = np.arange(len(self._passages))
        passages = self._passages
        if self._index is not None:
            found = self._owners(self._index, queries)
            passages = passages.take(found)
        scores = max_sim(queries, passages)
        empty = max(0, depth - found.size)
        padded = np.pad(scores, ((0, 0), (0, empty)), constant_values=-np.inf)
        # A passage without tokens is no hit.
        rows = np.where(np.isneginf(padded), -1, np.pad(found, (0, empty), constant_values=-1)[None])
        return top_hits(padded, rows, depth)

    def _owners(self, index: FaissIndex, query: TokenVectors) -> Rows:
        """Rows of the passages that own a token near one of the query's."""
        near = index.search(query.vectors.astype(np.float32), self._near).rows
        tokens = np.unique(near[near >= 0])
        return np.unique(np.searchsorted(self._passages.starts, tokens, side="right") - 1)
