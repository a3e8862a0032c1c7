import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.schemas import CLUSTER_HEALTH
from data.tables import check
from models.clustering.cluster_tree import END, ClusterTree
from models.clustering.health import balance, health
from models.clustering.hierarchical_kmeans import Clustering, Splitting, hierarchical_kmeans

SIZES = st.lists(st.integers(1, 1000), min_size=1, max_size=20).map(np.array)


def measures_of(table):
    return {(row["level"], row["measure"]): row["value"] for row in table.to_pylist()}


@given(SIZES)
def test_balance_is_a_share_of_its_maximum(sizes):
    assert 0 <= balance(sizes) <= 1 + 1e-12


@given(st.integers(1, 50), st.integers(1, 9))
def test_balance_is_one_for_equal_sizes(clusters, size):
    assert balance(np.full(clusters, size)) == pytest.approx(1)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)), elements=st.integers(-3, 3).map(float)),
    st.integers(1, 5),
)
def test_every_passage_is_counted_in_a_leaf(vectors, c):
    table = health(hierarchical_kmeans(vectors, Splitting(k=3, c=c, iterations=5)), c)
    check(table, CLUSTER_HEALTH)
    found = measures_of(table)
    assert found[0, "passages"] == found[1, "passages"] == len(vectors)
    assert found[0, "leaves"] == sum(
        value for (level, name), value in found.items() if level and name == "leaves"
    )
    assert found[0, "collisions"] == len(vectors) - len(np.unique(vectors, axis=0))


def test_a_small_tree_worked_by_hand():
    # Five passages: three in leaf 0; one in leaf 1 0 and one in leaf 1 1. Two of the three are equal.
    tree = ClusterTree(
        centroids=np.zeros((5, 1), dtype=np.float32),
        spans=np.array([[1, 3], [0, 0], [3, 5], [0, 0], [0, 0]]),
    )
    paths = np.array([[0, END], [0, END], [0, END], [1, 0], [1, 1]], dtype=np.int16)
    found = measures_of(health(Clustering(tree, paths, distinct=4, empty={1: 0, 2: 1}), c=2))
    # The whole tree: four clusters below the root, of them three leaves, of 3, 1 and 1 passages.
    entropy = -(0.6 * math.log(0.6) + 2 * 0.2 * math.log(0.2))
    assert found[0, "balance"] == pytest.approx(entropy / math.log(3))
    whole = {"clusters": 4, "leaves": 3, "passages": 5, "size_min": 1, "size_median": 1, "size_max": 3}
    whole |= {"oversized": 1, "empty": 1, "depth": 2, "collisions": 1}
    assert {name: found[0, name] for name in whole} == whole
    # Level 1: two clusters, of 3 and 2 passages, one of them a leaf.
    first = {"clusters": 2, "leaves": 1, "passages": 5, "size_min": 2, "size_median": 2.5, "size_max": 3}
    first |= {"oversized": 1, "empty": 0}
    assert {name: found[1, name] for name in first} == first
    # Level 2: two leaves of one passage each.
    second = {"clusters": 2, "leaves": 2, "passages": 2, "size_max": 1, "balance": 1}
    second |= {"oversized": 0, "empty": 1}
    assert {name: found[2, name] for name in second} == second
