"""A tree of centroids: a vector walks from the root to a leaf, at each node to the nearest child.

    digit_l(x) = argmin_j ‖x − c_{node, j}‖²,   node ← child digit_l(x),   until the node has no child

The digits are the vector's path. Distances are summed in float64, each vector's by itself, so that a
path depends on nothing but the vector and the tree: not on the batch, nor on the number of threads.
Equal distances go to the child that comes first.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64

from data.errors import InputError

FILE = "centroids.safetensors"
# Stands in a path after its leaf.
END = -1
# So many vectors at a time: their differences from one centroid stay in the processor's cache.
ROWS = 256


@dataclass(frozen=True)
class ClusterTree:
    """Nodes level by level, the root first; the children of node n are ``spans[n, 0] … spans[n, 1] − 1``."""

    centroids: Float32[np.ndarray, "node dim"]
    spans: Int64[np.ndarray, "node 2"]

    @property
    def is_leaf(self) -> Bool[np.ndarray, " node"]:
        """Mark the nodes without children."""
        return self.spans[:, 0] == self.spans[:, 1]

    def levels(self) -> Int64[np.ndarray, " node"]:
        """Give the length of the path to each node: 0 at the root."""
        levels = np.zeros(len(self.spans), dtype=np.int64)
        for node, (first, end) in enumerate(self.spans):
            levels[first:end] = levels[node] + 1
        return levels

    def assign(self, vectors: Float32[np.ndarray, "passage dim"]) -> Int16[np.ndarray, "passage level"]:
        """Give each vector's path, filled up with ``END``; new passages need no new clustering.

        Raises:
            InputError: a vector is not finite, and so is near nothing.
        """
        refuse_wild(vectors)
        is_leaf = self.is_leaf
        paths = np.full((len(vectors), int(self.levels().max())), END, dtype=np.int16)
        at = np.zeros(len(vectors), dtype=np.int64)
        for level in range(paths.shape[1]):
            order = np.argsort(at, kind="stable")
            nodes, starts = np.unique(at[order], return_index=True)
            # Without vectors there is no node, yet one empty part: not strict.
            for node, rows in zip(nodes, np.split(order, starts[1:]), strict=False):
                if is_leaf[node]:
                    continue
                first, end = self.spans[node]
                digits = nearest(vectors[rows], self.centroids[first:end])
                paths[rows, level] = digits
                at[rows] = first + digits
        return paths

    def save(self, folder: Path) -> None:
        """Write the tree as one safetensors file."""
        from safetensors.numpy import save_file

        save_file({"centroids": self.centroids, "spans": self.spans}, folder / FILE)

    @staticmethod
    def load(folder: Path) -> "ClusterTree":
        """Open a tree that ``save`` wrote."""
        from safetensors.numpy import load_file

        return ClusterTree(**load_file(folder / FILE))


def refuse_wild(vectors: Float32[np.ndarray, "passage dim"]) -> None:
    """Stop if a vector holds NaN or infinity.

    Raises:
        InputError: one does; its row is named.
    """
    wild = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wild.size:
        raise InputError(
            where="clusters",
            found=f"NaN or infinity in {wild.size} of {len(vectors)} vectors, the first in row {wild[0]}",
            expected="numbers",
            advice='Set precision = "float32" for the encoder, or use another model.',
        )


def nearest(
    vectors: Float32[np.ndarray, "passage dim"], centroids: Float32[np.ndarray, "cluster dim"]
) -> Int64[np.ndarray, " passage"]:
    """Position of each vector's nearest centroid, the first of several as near.

    >>> nearest(np.float32([[0], [3], [2]]), np.float32([[0], [4]]))
    array([0, 1, 0])
    """
    found = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), ROWS):
        rows = vectors[start : start + ROWS].astype(np.float64)
        distances = np.empty((len(rows), len(centroids)))
        for cluster, centroid in enumerate(centroids):
            apart = rows - centroid
            distances[:, cluster] = np.vecdot(apart, apart)
        found[start : start + ROWS] = distances.argmin(axis=1)
    return found
