import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.errors import InputError
from models.clustering.cluster_tree import END, ClusterTree, nearest

MATRICES = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(-10, 10, width=16)
)

# The root splits at 5, its second child again at 15:   root → 0 | 10 → 10 | 20
TREE = ClusterTree(
    centroids=np.float32([[10], [0], [15], [10], [20]]),
    spans=np.array([[1, 3], [0, 0], [3, 5], [0, 0], [0, 0]]),
)


@given(MATRICES, MATRICES)
def test_nearest_is_where_the_distance_is_least(vectors, centroids):
    apart = vectors[:, None].astype(float) - centroids[None]
    distances = np.square(apart).sum(axis=2)
    chosen = distances[np.arange(len(vectors)), nearest(vectors, centroids)]
    np.testing.assert_allclose(chosen, distances.min(axis=1), rtol=1e-12)


@given(MATRICES, MATRICES)
def test_nearest_does_not_depend_on_the_other_vectors(vectors, centroids):
    alone = [nearest(vectors[row : row + 1], centroids)[0] for row in range(len(vectors))]
    assert nearest(vectors, centroids).tolist() == alone


def test_equal_distances_go_to_the_first():
    assert nearest(np.float32([[1], [1]]), np.float32([[2], [0]])).tolist() == [0, 0]


def test_paths_worked_by_hand():
    # 3 is nearer to 0 than to 15; 9 is nearer to 15, then to 10; 16 to 15, then to 20 (4 against 6).
    assert TREE.assign(np.float32([[3], [9], [16]])).tolist() == [[0, END], [1, 0], [1, 1]]


def test_levels_are_the_lengths_of_the_paths_to_the_nodes():
    assert TREE.levels().tolist() == [0, 1, 1, 2, 2]
    assert TREE.is_leaf.tolist() == [False, True, False, True, True]


def test_no_vectors_have_no_paths():
    assert TREE.assign(np.empty((0, 1), dtype=np.float32)).shape == (0, 2)


def test_a_tree_survives_saving(tmp_path):
    TREE.save(tmp_path)
    opened = ClusterTree.load(tmp_path)
    np.testing.assert_array_equal(opened.centroids, TREE.centroids)
    np.testing.assert_array_equal(opened.spans, TREE.spans)


def test_a_vector_that_is_not_finite_has_no_path():
    with pytest.raises(InputError, match=r"found NaN or infinity in 1 of 1 vectors.*expected numbers"):
        TREE.assign(np.float32([[np.inf]]))
