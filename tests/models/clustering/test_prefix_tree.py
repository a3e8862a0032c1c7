import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clustering.cluster_tree import END, ClusterTree
from models.clustering.hierarchical_kmeans import Splitting, hierarchical_kmeans
from models.clustering.prefix_tree import IGNORED, PrefixTree

# root → 0 | 1;  1 → 0 | 1 | 2.   Paths: 0, 10, 11, 12; the end is token 3.
SPANS = np.array([[1, 3], [0, 0], [3, 6], [0, 0], [0, 0], [0, 0]])
TREE = PrefixTree.of(ClusterTree(np.zeros((6, 1), dtype=np.float32), SPANS))


@st.composite
def trees(draw):
    """Random trees: some nodes split into up to four, level by level; the root always does."""
    spans = [(0, 0)]
    for node in range(draw(st.integers(1, 6))):
        if node < len(spans):
            first = len(spans)
            children = draw(st.integers(1 if node == 0 else 0, 4))
            spans += [(0, 0)] * children
            spans[node] = (first, first + children) if children else (0, 0)
    return PrefixTree.of(ClusterTree(np.zeros((len(spans), 1), dtype=np.float32), np.array(spans)))


def walks(tree, state, tokens=()):
    """Everything that may be written from a state."""
    if tree.is_whole(state):
        yield tokens
    for token in tree.legal([state])[0].tolist():
        yield from walks(tree, tree.after(state, token), (*tokens, token))


@given(trees())
def test_what_may_be_written_are_the_leaves_each_once(tree):
    written = list(walks(tree, tree.start))
    assert len(set(written)) == len(written) == tree.leaves
    is_leaf = tree.spans[:, 0] == tree.spans[:, 1]
    assert sorted(tree.leaf(tokens) for tokens in written) == np.flatnonzero(is_leaf).tolist()


@given(trees(), st.lists(st.integers(0, 5), max_size=5))
def test_a_text_that_may_not_be_written_has_no_leaf(tree, tokens):
    assert (tree.leaf(tokens) is not None) == (tuple(tokens) in set(walks(tree, tree.start)))


@given(trees())
def test_used_tokens_are_those_of_some_path(tree):
    found = np.zeros((tree.max_tokens, tree.end + 1), dtype=bool)
    for tokens in walks(tree, tree.start):
        found[np.arange(len(tokens)), list(tokens)] = True
    assert tree.used().tolist() == found.tolist()


def test_targets_and_nodes_worked_by_hand():
    paths = np.int16([[0, END], [1, 2]])
    assert TREE.targets(paths).tolist() == [[0, 3, IGNORED], [1, 2, 3]]
    assert TREE.nodes(paths).tolist() == [1, 5]


def test_an_inner_node_is_no_leaf():
    assert TREE.leaf([1]) is None
    assert TREE.leaf([1, 3]) is None
    assert TREE.leaf([0]) is None


@given(st.integers(1, 40), st.integers(1, 4))
def test_passages_with_one_vector_share_one_leaf(copies, others):
    rows = np.concatenate([np.zeros((copies, 2)), np.arange(2, 2 + 2 * others).reshape(-1, 2)])
    clustering = hierarchical_kmeans(rows.astype(np.float32), Splitting(k=2, c=1))
    tree = PrefixTree.of(clustering.tree)
    leaves = tree.nodes(clustering.paths)
    assert len(set(leaves[:copies].tolist())) == 1
    # However many copies there are, the recursion ends, and each other vector has a leaf of its own.
    assert len(set(leaves.tolist())) == 1 + others


@pytest.mark.parametrize("state", [0, 2])
def test_an_inner_node_cannot_end(state):
    assert TREE.end not in TREE.legal([state])[0]
