"""Hierarchical k-means: split into k clusters, and split again whichever holds more than c passages.

    split(S) = k-means(S, k), recursively, while |S| > c;      the path of a passage = the digits to its leaf

All passages of a leaf share its path. Source: the cluster identifiers of GDR, https://arxiv.org/abs/2401.10487
Reference code: NCI's kmeans.py, which GDR keeps. Differs: FAISS instead of scikit-learn's mini-batches,
no digit for the place inside the leaf, and each distinct vector is clustered once, weighted by how many
passages have it. Equal vectors therefore never part, and since the distinct vectors are put into an
order of their own, the order of the passages changes nothing.

FAISS runs in one thread here, because its sums depend on the number of threads.
"""

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int16, Int64

from models.clustering.cluster_tree import END, ClusterTree, nearest, refuse_wild

Vectors = Float32[np.ndarray, "vector dim"]
Counts = Int64[np.ndarray, " vector"]


@dataclass(frozen=True)
class Splitting:
    """When a cluster is split, and how."""

    k: int = 30  # children of a split, at most
    c: int = 30  # passages that stay together
    max_depth: int = 10  # digits of a path, at most
    seed: int = 0
    iterations: int = 25


@dataclass(frozen=True)
class Clustering:
    """A tree, and where in it each passage lies.

    ``empty`` counts, by level, the clusters that no passage was nearest to; they are not in the tree.
    """

    tree: ClusterTree
    paths: Int16[np.ndarray, "passage level"]
    distinct: int  # vectors
    empty: dict[int, int]


@dataclass
class _Growth:
    """A tree while it grows."""

    centroids: list[Float32[np.ndarray, "cluster dim"]]
    spans: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    empty: dict[int, int] = field(default_factory=dict[int, int])

    def add_children(self, node: int, centroids: Float32[np.ndarray, "cluster dim"]) -> range:
        """Put children at the end, so that nodes stand level by level."""
        first = len(self.spans)
        self.centroids.append(centroids)
        self.spans += [(0, 0)] * len(centroids)
        self.spans[node] = first, first + len(centroids)
        return range(first, first + len(centroids))


def hierarchical_kmeans(vectors: Float32[np.ndarray, "passage dim"], splitting: Splitting) -> Clustering:
    """Cluster the vectors, at least one, into a tree; paths have at least one digit.

    A cluster of more than ``c`` passages stays a leaf only where all of them have the same vector, at
    ``max_depth``, or where k-means finds nothing to split.

    Raises:
        InputError: a vector is not finite.
    """
    refuse_wild(vectors)
    unique, inverse, counts = _distinct(vectors)
    paths = np.full((len(unique), splitting.max_depth), END, dtype=np.int16)
    growth = _Growth(centroids=[_mean(unique, counts)])
    waiting = deque([(0, 0, np.arange(len(unique)))])
    while waiting:
        node, level, members = waiting.popleft()
        if level and not _is_to_split(counts[members], level, splitting):
            continue
        centroids, digits = _split(unique[members], counts[members], splitting)
        kept, digits = np.unique(digits, return_inverse=True)
        if level and len(kept) == 1:
            continue
        growth.empty[level + 1] = growth.empty.get(level + 1, 0) + len(centroids) - len(kept)
        paths[members, level] = digits
        for digit, child in enumerate(growth.add_children(node, centroids[kept])):
            waiting.append((child, level + 1, members[digits == digit]))
    tree = ClusterTree(np.concatenate(growth.centroids), np.array(growth.spans, dtype=np.int64))
    return Clustering(tree, paths[inverse][:, : tree.levels().max()], len(unique), growth.empty)


def _is_to_split(counts: Counts, level: int, splitting: Splitting) -> bool:
    return int(counts.sum()) > splitting.c and len(counts) > 1 and level < splitting.max_depth


def _distinct(
    vectors: Float32[np.ndarray, "passage dim"],
) -> tuple[
    Float32[np.ndarray, "distinct dim"], Int64[np.ndarray, " passage"], Int64[np.ndarray, " distinct"]
]:
    """The distinct vectors, which of them each passage has, and how many passages have each."""
    # Adding 0 turns −0 into 0, which has other bytes and is no other number.
    rows = np.ascontiguousarray(vectors + np.float32(0))
    keys = rows.view(np.dtype((np.void, rows.strides[0]))).ravel()
    _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return rows[first], inverse, counts


def _mean(vectors: Vectors, counts: Counts) -> Float32[np.ndarray, "1 dim"]:
    return np.average(vectors, axis=0, weights=counts, keepdims=True).astype(np.float32)


def _split(
    vectors: Vectors, counts: Counts, splitting: Splitting
) -> tuple[Float32[np.ndarray, "cluster dim"], Int64[np.ndarray, " vector"]]:
    """Centroids of one split, and each vector's nearest of them; one where nothing is to be split."""
    k = min(splitting.k, len(vectors)) if counts.sum() > splitting.c else 1
    centroids = _mean(vectors, counts) if k == 1 else _kmeans(vectors, counts, k, splitting)
    return centroids, nearest(vectors, centroids)


def _kmeans(vectors: Vectors, counts: Counts, k: int, splitting: Splitting) -> Float32[np.ndarray, "{k} dim"]:
    import faiss

    kmeans = faiss.Kmeans(
        vectors.shape[1],
        k,
        niter=splitting.iterations,
        seed=splitting.seed,
        # All vectors count, and few are no reason for a warning.
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    with _one_thread():
        kmeans.train(vectors, weights=counts.astype(np.float32))
    return np.asarray(kmeans.centroids)


@contextmanager
def _one_thread() -> Generator[None]:
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
