"""Which paths a tree of clusters has: a rule for writing them digit by digit.

    legal(node) = the digits of its children;      at a leaf: the end, and after it nothing

A path is whole once its end is written, so that what is written is a leaf of the tree and nothing else. The
end is a token like the digits, the one after the largest of them, for leaves lie at different depths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int16, Int64

from models.clustering.cluster_tree import END, ClusterTree

# State after the end.
DONE = -1
ROOT = 0
# Stands in targets after a path's end.
IGNORED = -100


@dataclass(frozen=True)
class PrefixTree:
    """The nodes of a ``ClusterTree`` without its centroids. A state is a node, or ``DONE``."""

    spans: Int64[np.ndarray, "node 2"]
    levels: Int64[np.ndarray, " node"]

    @staticmethod
    def of(tree: ClusterTree) -> "PrefixTree":
        """The paths of a tree."""
        return PrefixTree(tree.spans, tree.levels())

    @cached_property
    def end(self) -> int:
        """The token after a leaf; the digits are those below it."""
        return int((self.spans[:, 1] - self.spans[:, 0]).max())

    @cached_property
    def max_tokens(self) -> int:
        """Tokens of the longest path, its end included."""
        return int(self.levels.max()) + 1

    @cached_property
    def leaves(self) -> int:
        """How many paths there are."""
        return int((self.spans[:, 0] == self.spans[:, 1]).sum())

    @property
    def start(self) -> int:
        """The root."""
        return ROOT

    def legal(self, states: Sequence[int]) -> list[Int64[np.ndarray, " token"]]:
        """Tokens that may follow each state, ascending."""
        return [self._legal(state) for state in states]

    def _legal(self, state: int) -> Int64[np.ndarray, " token"]:
        if state == DONE:
            return np.zeros(0, dtype=np.int64)
        first, last = self.spans[state]
        return np.arange(last - first) if last > first else np.array([self.end])

    def after(self, state: int, token: int) -> int:
        """State after a legal token."""
        return DONE if token == self.end else int(self.spans[state, 0]) + token

    def is_whole(self, state: int) -> bool:
        """Whether the end was written."""
        return state == DONE

    def leaf(self, tokens: Sequence[int]) -> int | None:
        """Node that a path with its end leads to; None where the tree has no such path.

        >>> tree = PrefixTree(np.array([[1, 3], [0, 0], [0, 0]]), np.array([0, 1, 1]))
        >>> tree.leaf([1, 2]), tree.leaf([1]), tree.leaf([2, 2])
        (2, None, None)
        """
        node = state = self.start
        for token in tokens:
            if token not in self._legal(state):
                return None
            node, state = state, self.after(state, token)
        return node if state == DONE else None

    def nodes(self, paths: Int16[np.ndarray, "passage level"]) -> Int64[np.ndarray, " passage"]:
        """Node at the end of each path, as ``ClusterTree.assign`` gives them."""
        found = np.full(len(paths), self.start, dtype=np.int64)
        for digits in paths.T:
            found = np.where(digits == END, found, self.spans[found, 0] + digits)
        return found

    def targets(self, paths: Int16[np.ndarray, "passage level"]) -> Int64[np.ndarray, "passage token"]:
        """Tokens of each path and its end, then ``IGNORED``."""
        tokens = np.full((len(paths), self.max_tokens), END, dtype=np.int64)
        tokens[:, : paths.shape[1]] = paths
        lengths = (tokens != END).sum(axis=1)
        tokens[np.arange(len(paths)), lengths] = self.end
        tokens[np.arange(self.max_tokens) > lengths[:, None]] = IGNORED
        return tokens

    def used(self) -> Bool[np.ndarray, "position token"]:
        """Which tokens some path has at each position."""
        found = np.zeros((self.max_tokens, self.end + 1), dtype=bool)
        sizes = self.spans[:, 1] - self.spans[:, 0]
        for level in range(self.max_tokens):
            here = sizes[self.levels == level]
            found[level, : here.max()] = True
            found[level, self.end] = bool((here == 0).any())
        return found
