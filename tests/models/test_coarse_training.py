import numpy as np
import polars as pl
import pytest

from models.cluster_lessons import asks_of
from models.clustering.cluster_tree import ClusterTree
from models.clustering.prefix_tree import PrefixTree
from models.coarse_training import lists_of, pool_of, stored_paths
from models.generators.spans import SpansConfig


@pytest.fixture
def lesson(make_lesson):
    return make_lesson()


@pytest.fixture
def asks(lesson):
    spans = SpansConfig(per_passage=1, span_words=3, sentence_share=0.0)
    return asks_of(lesson, generated_share=1.0, spans=spans, miner="words")


@pytest.fixture
def tree(tiny_clusters):
    return ClusterTree.load(tiny_clusters["centroids"])


@pytest.fixture
def paths(lesson, tree, tiny_clusters):
    return stored_paths(lesson, tiny_clusters["clusters"]["pid"].sort(), int(tree.levels().max()))


def test_stored_paths_are_those_that_the_tree_gives(paths, tree, tiny_vectors):
    assert paths.tolist() == tree.assign(tiny_vectors).tolist()


def test_pools_by_name(asks, tree, paths):
    prefixes = PrefixTree.of(tree)
    lists = asks.answers.to_numpy()
    cluster = pool_of("cluster", asks, lists, prefixes, paths)
    leaves = prefixes.nodes(paths)
    for (_, answer), group in zip(lists.tolist(), cluster.of_list.tolist(), strict=True):
        members = cluster.members[cluster.starts[group] : cluster.starts[group + 1]]
        assert members.tolist() == np.flatnonzero(leaves == leaves[answer]).tolist()
    mined = pool_of("bm25", asks, lists, None, None)
    # Every passage is a candidate of a query, none of a piece.
    sizes = np.diff(mined.starts)[mined.of_list]
    assert set(sizes[: asks.queries].tolist()) == {12}
    assert set(sizes[asks.queries :].tolist()) == {0}
    assert pool_of("random", asks, lists, None, None) is None


def test_lists_name_texts_and_carry_their_numbers(asks, lesson, tiny_collection):
    lists = asks.answers.to_numpy()[:2]
    negatives = np.array([[3, 4], [lists[1, 1], 5]])
    made = lists_of(asks, lists, negatives, lesson, "{title} {text}")
    assert made.rows["label"].to_list() == [[*lists[0], 3, 4], [*lists[1], lists[1, 1], 5]]
    assert made.rows["query_id"].to_list() == [str(ask) for ask in lists[:, 0]]
    assert made.short == 1
    texts = dict(made.documents.iter_rows())
    passages = pl.DataFrame(tiny_collection["passages"]).sort("pid")
    row = int(lists[0, 1])
    assert texts[made.rows["document_ids"][0][0]] == f"{passages['title'][row]} {passages['text'][row]}"


def test_frozen_passages_are_not_read(asks, lesson):
    lists = asks.answers.to_numpy()[:2]
    made = lists_of(asks, lists, np.zeros((2, 0), dtype=np.int64), lesson, None)
    assert made.rows.columns == ["query_id", "label"]
    assert made.documents.is_empty()
