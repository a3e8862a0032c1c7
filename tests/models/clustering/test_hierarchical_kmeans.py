import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.errors import InputError
from models.clustering.cluster_tree import END
from models.clustering.hierarchical_kmeans import Splitting, hierarchical_kmeans

# Few values in few dimensions, so that equal vectors and equal distances are common.
VALUES = st.one_of(st.integers(-3, 3), st.floats(-100, 100, width=16))


@st.composite
def matrices(draw):
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    return draw(hnp.arrays(np.float32, shape, elements=VALUES.map(float)))


SPLITTINGS = st.builds(
    Splitting,
    k=st.integers(2, 5),
    c=st.integers(1, 6),
    max_depth=st.integers(1, 6),
    seed=st.integers(0, 3),
    iterations=st.just(5),
)


def as_tuples(paths):
    return [tuple(int(digit) for digit in path if digit != END) for path in paths]


def leaves_of(vectors, paths):
    leaves = {}
    for vector, path in zip(vectors, as_tuples(paths), strict=True):
        leaves.setdefault(path, []).append(tuple(vector + 0))
    return leaves


@given(matrices(), SPLITTINGS)
def test_every_path_leads_to_a_leaf_of_the_tree(vectors, splitting):
    found = hierarchical_kmeans(vectors, splitting)
    for path in as_tuples(found.paths):
        node = 0
        for digit in path:
            first, end = found.tree.spans[node]
            assert 0 <= digit < end - first <= splitting.k
            node = first + digit
        assert found.tree.is_leaf[node]
        assert len(path) in range(1, splitting.max_depth + 1)


@given(matrices(), SPLITTINGS)
def test_digits_end_once_and_for_all(vectors, splitting):
    ended = hierarchical_kmeans(vectors, splitting).paths == END
    assert not (ended[:, :-1] & ~ended[:, 1:]).any()


@given(matrices(), SPLITTINGS)
def test_no_leaf_of_the_tree_is_empty(vectors, splitting):
    found = hierarchical_kmeans(vectors, splitting)
    assert len(set(as_tuples(found.paths))) == found.tree.is_leaf.sum()


@given(matrices(), SPLITTINGS)
def test_only_equal_vectors_or_the_deepest_level_make_a_leaf_too_large(vectors, splitting):
    for path, members in leaves_of(vectors, hierarchical_kmeans(vectors, splitting).paths).items():
        assert len(members) <= splitting.c or len(set(members)) == 1 or len(path) == splitting.max_depth


@given(matrices(), SPLITTINGS)
def test_equal_vectors_share_a_path(vectors, splitting):
    paths = hierarchical_kmeans(vectors, splitting).paths
    seen = {}
    for vector, path in zip(vectors, as_tuples(paths), strict=True):
        assert seen.setdefault(tuple(vector + 0), path) == path


@given(matrices(), SPLITTINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_passages_changes_nothing(vectors, splitting, random):
    order = random.sample(range(len(vectors)), len(vectors))
    once, again = (hierarchical_kmeans(rows, splitting) for rows in (vectors, vectors[order]))
    np.testing.assert_array_equal(once.paths[order], again.paths)
    np.testing.assert_array_equal(once.tree.centroids, again.tree.centroids)


@given(matrices(), SPLITTINGS)
def test_assigning_the_clustered_vectors_gives_their_paths_whatever_the_batch(vectors, splitting):
    found = hierarchical_kmeans(vectors, splitting)
    np.testing.assert_array_equal(found.tree.assign(vectors), found.paths)
    for row in range(0, len(vectors), 7):
        np.testing.assert_array_equal(found.tree.assign(vectors[row : row + 1])[0], found.paths[row])


def test_three_heaps_worked_by_hand():
    # Two splits in two: first the far heap from the near ones, or the reverse; then the pair that is left.
    vectors = np.float32([[0], [1], [10], [11], [100], [101]])
    found = hierarchical_kmeans(vectors, Splitting(k=2, c=2))
    leaves = leaves_of(vectors, found.paths)
    assert sorted(sorted(members) for members in leaves.values()) == [
        [(0,), (1,)],
        [(10,), (11,)],
        [(100,), (101,)],
    ]
    # The centroid of {100, 101} is 100.5, that of the other four (0 + 1 + 10 + 11) / 4 = 5.5.
    assert sorted(found.tree.centroids[1:3].ravel().tolist()) == [5.5, 100.5]
    assert sorted(map(len, leaves)) == [1, 2, 2]


def test_a_vector_of_many_passages_draws_the_centroid():
    # Five of 0, one of 3 and two of 100 in two clusters: (5 · 0 + 3) / 6 = 0.5.
    vectors = np.float32([[0]] * 5 + [[3]] + [[100]] * 2)
    tree = hierarchical_kmeans(vectors, Splitting(k=2, c=7, max_depth=1)).tree
    assert sorted(tree.centroids[1:].ravel().tolist()) == [0.5, 100.0]


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_collection_no_larger_than_c_is_one_cluster(rows):
    vectors = np.random.default_rng(0).standard_normal((rows, 4), dtype=np.float32)
    found = hierarchical_kmeans(vectors, Splitting(k=30, c=30))
    assert found.paths.tolist() == [[0]] * rows
    np.testing.assert_allclose(found.tree.centroids[1], vectors.mean(axis=0), rtol=1e-6)


def test_fewer_passages_than_k_each_get_a_cluster_of_their_own():
    found = hierarchical_kmeans(np.eye(4, dtype=np.float32), Splitting(k=30, c=1))
    assert sorted(found.paths.ravel().tolist()) == [0, 1, 2, 3]
    assert found.empty == {1: 0}


def test_passages_that_are_all_equal_stay_together():
    found = hierarchical_kmeans(np.ones((50, 3), dtype=np.float32), Splitting(k=5, c=2))
    assert found.paths.tolist() == [[0]] * 50
    assert found.distinct == 1


def test_zero_and_minus_zero_are_one_vector():
    assert hierarchical_kmeans(np.float32([[0.0], [-0.0]]), Splitting(c=1)).distinct == 1


def test_the_seed_decides_and_decides_alone():
    vectors = np.random.default_rng(0).standard_normal((300, 8), dtype=np.float32)
    paths = [hierarchical_kmeans(vectors, Splitting(k=4, c=20, seed=seed)).paths for seed in (1, 1, 2)]
    assert paths[0].tobytes() == paths[1].tobytes() != paths[2].tobytes()


def test_a_vector_that_is_not_finite_is_refused():
    vectors = np.float32([[0], [np.nan]])
    with pytest.raises(InputError, match=r"found NaN or infinity in 1 of 2 vectors, the first in row 1"):
        hierarchical_kmeans(vectors, Splitting())
