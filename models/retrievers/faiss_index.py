"""Nearest vectors by inner product: FAISS finds the candidates, a second look orders them exactly.

    s(q, p) = q · p, summed in float64, rounded to float32

FAISS sums in float32 and in another order for one query than for many, so that the last digits, and
with them the order of equal passages, depend on the batch. Some more candidates than asked for are
therefore fetched and scored again. Source: Douze et al. 2024, https://arxiv.org/abs/2401.08281
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field, PositiveInt

from data.errors import InputError
from models.retriever import Hits, Rows, top_hits
from models.settings import Settings

if TYPE_CHECKING:
    import faiss

# Fetched beyond the depth, so that a tie at the cut is seen.
SPARE = 16
# Sums of float32 products err by this share of |q| |p| at most.
NOISE = 1e-5
# FAISS' k-means wants so many vectors per list.
VECTORS_PER_LIST = 39


class FlatConfig(Settings):
    """Every vector is looked at: exact."""

    kind: Literal["flat"] = "flat"

    def describe(self, passages: int) -> str:  # noqa: ARG002  (every index's shape)
        """Name the index and its settings for so many passages."""
        return self.kind

    def build(self, vectors: Float32[np.ndarray, "passage dim"]) -> "faiss.Index":
        """Index the vectors."""
        import faiss

        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index


class IvfConfig(Settings):
    """Vectors lie in lists around centroids; the nearest lists are looked at."""

    kind: Literal["ivf"] = "ivf"
    lists: PositiveInt | None = Field(
        default=None, description="None: 4 √passages, as FAISS' guidelines say; fewer where passages are few."
    )
    probes: PositiveInt = Field(default=32, description="Lists looked at for a query.")

    def describe(self, passages: int) -> str:
        """Name the index and its settings for so many passages."""
        return f"{self.kind} lists={self._lists(passages)} probes={self.probes}"

    def _lists(self, passages: int) -> int:
        return min(self.lists or round(4 * passages**0.5), max(1, passages // VECTORS_PER_LIST))

    def build(self, vectors: Float32[np.ndarray, "passage dim"]) -> "faiss.Index":
        """Find the centroids and index the vectors."""
        import faiss

        size, width = vectors.shape
        lists = self._lists(size)
        centroids = faiss.IndexFlatIP(width)
        index = faiss.IndexIVFFlat(centroids, width, lists, faiss.METRIC_INNER_PRODUCT)
        # Below this FAISS warns; the one list of a tiny collection is meant.
        index.cp.min_points_per_centroid = 1
        index.train(vectors)
        index.add(vectors)
        index.make_direct_map()
        index.nprobe = min(self.probes, lists)
        return index


class HnswConfig(Settings):
    """Vectors are linked to near ones; a search walks along the links."""

    kind: Literal["hnsw"] = "hnsw"
    links: PositiveInt = Field(default=32, ge=2, description="Links of a vector; FAISS' default.")
    build_breadth: PositiveInt = Field(default=200, description="Breadth of the walk that finds links.")
    search_breadth: PositiveInt = Field(default=256, description="Breadth of the walk of a query.")

    def describe(self, passages: int) -> str:  # noqa: ARG002  (every index's shape)
        """Name the index and its settings for so many passages."""
        return f"{self.kind} links={self.links} breadth={self.build_breadth},{self.search_breadth}"

    def build(self, vectors: Float32[np.ndarray, "passage dim"]) -> "faiss.Index":
        """Link the vectors."""
        import faiss

        index = faiss.IndexHNSWFlat(vectors.shape[1], self.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.build_breadth
        index.hnsw.efSearch = self.search_breadth
        index.add(vectors)
        return index


FLAT = FlatConfig()
AnyIndexConfig = FlatConfig | IvfConfig | HnswConfig
IndexChoice = Annotated[AnyIndexConfig, Field(discriminator="kind")]


class FaissIndex:
    """Vectors of passages, by row, ready to be searched."""

    def __init__(self, vectors: Float32[np.ndarray, "passage dim"], config: AnyIndexConfig) -> None:
        vectors = np.ascontiguousarray(finite(vectors, "passage"))
        self.size = len(vectors)
        self._longest = float(np.linalg.norm(vectors, axis=1).max(initial=0))
        # Threads would link and average in an order of their own, and two builds would differ.
        with _one_thread():
            self._index: Any = config.build(vectors)

    @property
    def bytes(self) -> int:
        """Size of the index as FAISS would write it."""
        import faiss

        library: Any = faiss  # whose stubs lack the callback
        sizes: list[int] = []

        def count(chunk: bytes) -> int:
            sizes.append(len(chunk))
            return len(chunk)

        library.write_index(self._index, library.PyCallbackIOWriter(count))
        return sum(sizes)

    def search(self, queries: Float32[np.ndarray, "query dim"], depth: int) -> Hits:
        """Give the ``depth`` nearest passages of each query.

        Raises:
            InputError: a query's vector is not finite.
        """
        queries = np.ascontiguousarray(finite(queries, "query"))
        hits = Hits(np.full((len(queries), depth), -1), np.full((len(queries), depth), -np.inf, np.float32))
        near, rows = self._index.search(queries, self._fetch(depth))
        for place, query in enumerate(queries):
            found = rows[place]
            if self._tie_at_the_end(near[place], query, depth):
                found = self._fetch_past_the_tie(query, depth)
            best = self._exact(query, found[found >= 0], depth)
            hits.rows[place, : best.rows.size] = best.rows
            hits.scores[place, : best.rows.size] = best.scores
        return hits

    def _fetch(self, depth: int) -> int:
        return min(self.size, depth + SPARE)

    def _tie_at_the_end(
        self, near: Float32[np.ndarray, " fetched"], query: Float32[np.ndarray, " dim"], depth: int
    ) -> bool:
        """Whether what was not fetched may be as good as the last of the ``depth`` best."""
        if len(near) == self.size:
            return False
        noise = NOISE * float(np.linalg.norm(query)) * self._longest
        return float(near[depth - 1]) - float(near[-1]) <= noise

    def _fetch_past_the_tie(self, query: Float32[np.ndarray, " dim"], depth: int) -> Rows:
        """Fetch for one query until the last found is worse than what is kept."""
        fetch = self._fetch(depth)
        while True:
            fetch = min(self.size, 2 * fetch)
            near, rows = self._index.search(query[None], fetch)
            if not self._tie_at_the_end(near[0], query, depth):
                return rows[0]

    def _exact(self, query: Float32[np.ndarray, " dim"], rows: Rows, depth: int) -> Hits:
        vectors = self._index.reconstruct_batch(rows).astype(np.float64)
        # Not a matrix product: its sums depend on where in the matrix a row stands.
        scores = (vectors * query).sum(axis=1).astype(np.float32)
        return top_hits(scores[None], rows[None], depth)


def finite(
    vectors: Float32[np.ndarray, "text dim"], what: Literal["passage", "query"]
) -> Float32[np.ndarray, "text dim"]:
    """Give the vectors back if every value is a number.

    Raises:
        InputError: the vector of some text holds NaN or infinity.
    """
    wild = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wild.size:
        raise InputError(
            where="dense retriever",
            found=f"NaN or infinity in the vectors of {wild.size} of {len(vectors)} texts, "
            f"the first that of the {what} in row {wild[0]}",
            expected="numbers",
            advice='Set precision = "float32" for the encoder, or use another model.',
        )
    return vectors


@contextmanager
def _one_thread() -> Generator[None]:
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
