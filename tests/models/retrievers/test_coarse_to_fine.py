import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.clustering.cluster_tree import ClusterTree
from models.clustering.prefix_tree import PrefixTree
from models.encoders.cluster_decoder import ClusterDecoder, ClusterSteps, DecoderShape
from models.encoders.coarse_model import CoarseModel, QueryReader
from models.encoders.sentence_model import open_model
from models.encoders.text_encoder import Form
from models.retriever import Counted, Retriever
from models.retrievers.coarse_to_fine import (
    NONE,
    Asked,
    CoarseToFineRetriever,
    Places,
    Writing,
    shares,
)
from models.retrievers.constrained_beam import Written, constrained_beam
from tests.models.clustering.test_prefix_tree import trees

QUERIES = ["yellow metal", "where does the rhine rise", "who wrote fugues"]
# root → 0 | 1;  1 → 0 | 1 | 2
SPANS = np.array([[1, 3], [0, 0], [3, 6], [0, 0], [0, 0], [0, 0]])
TREE = PrefixTree.of(ClusterTree(np.zeros((6, 1), dtype=np.float32), SPANS))


def decoder_of(tree, width=8):
    shape = DecoderShape(width=width, layers=1, adaptor_layers=1, rank=2)
    return ClusterDecoder(torch.from_numpy(tree.used()), shape, dropout=0.0).eval()


@given(trees(), st.integers(1, 12), st.integers(0, 3))
def test_constrained_writing_never_leaves_the_tree(tree, beams, seed):
    torch.manual_seed(seed)
    tokens = torch.randn(2, 3, 8)
    with torch.inference_mode():
        steps = ClusterSteps(decoder_of(tree), tokens, torch.ones(2, 3, dtype=torch.bool))
        written = constrained_beam(steps, tree, beams=beams, max_tokens=tree.max_tokens)
    for paths in written:
        leaves = [tree.leaf(path.tokens) for path in paths]
        assert None not in leaves
        assert len(set(leaves)) == len(leaves) == min(beams, tree.leaves)


@pytest.fixture(scope="module")
def retriever(tiny_backbone):
    torch.manual_seed(0)
    model = CoarseModel(open_model(tiny_backbone), decoder_of(TREE, width=32))
    vectors = np.random.default_rng(0).normal(size=(7, 32)).astype(np.float32)
    places = Places(TREE, np.array([1, 3, 4, 4, 5, 5, 5]), vectors)
    return CoarseToFineRetriever(
        model, QueryReader(model.queries, Form(), "float32"), places, Writing(3, 0.8, 1.5)
    )


def test_it_is_a_retriever_that_counts(retriever):
    assert isinstance(retriever, Retriever)
    assert isinstance(retriever, Counted)


def test_scores_are_cosine_plus_the_clusters_share_in_written_clusters_only(retriever):
    asked = retriever.encode(QUERIES)
    hits = retriever.search(asked, 7)
    places = retriever._places
    for query in range(len(QUERIES)):
        wanted = {}
        for leaf, share in zip(asked.leaves[query], asked.shares[query], strict=True):
            for row in np.flatnonzero(places.leaves == leaf):
                wanted[int(row)] = asked.vectors[query] @ places.vectors[row] + 1.5 * share
        order = sorted(wanted, key=lambda row: (-wanted[row], row))
        found = hits.rows[query]
        assert found[found >= 0].tolist() == order
        np.testing.assert_allclose(
            hits.scores[query][: len(order)], [wanted[row] for row in order], rtol=1e-5
        )
        assert (hits.scores[query][len(order) :] == -np.inf).all()


def test_shares_sum_to_one_and_beams_are_the_likeliest_paths(retriever):
    asked = retriever.encode(QUERIES)
    np.testing.assert_allclose(asked.shares.sum(axis=1), 1, rtol=1e-6)
    assert all(len(set(leaves)) == 3 for leaves in asked.leaves.tolist())
    assert np.isin(asked.leaves, [1, 3, 4, 5]).all()


def test_a_query_is_answered_the_same_alone_and_among_others(retriever):
    together = retriever.search(retriever.encode(QUERIES), 4)
    for place, query in enumerate(QUERIES):
        alone = retriever.search(retriever.encode([query]), 4)
        assert alone.rows[0].tolist() == together.rows[place].tolist()
        np.testing.assert_allclose(alone.scores[0], together.scores[place], rtol=1e-4)


def test_hits_worked_by_hand(retriever):
    vectors = np.zeros((1, 32), dtype=np.float32)
    asked = Asked(vectors, np.array([[5, 1, NONE]]), np.float32([[0.25, 0.75, 0]]))
    hits = retriever.search(asked, 5)
    # Leaf 1 has passage 0, leaf 5 passages 4 to 6; with a vector of zeros the shares decide: 1.5 times each.
    assert hits.rows.tolist() == [[0, 4, 5, 6, -1]]
    assert hits.scores[0][:4].tolist() == [1.125, 0.375, 0.375, 0.375]


def test_the_weight_of_clusters_can_be_changed(retriever):
    asked = retriever.encode(QUERIES)
    scores = [retriever.weighing(alpha).search(asked, 1).scores for alpha in (0.0, 100.0)]
    assert (scores[0] < 20).all()
    assert (scores[1] > 20).all()


def test_costs_count_what_was_compared(retriever):
    fresh = retriever.weighing(1.0)
    fresh.search(
        Asked(np.zeros((2, 32), np.float32), np.array([[5, 1], [1, NONE]]), np.zeros((2, 2), np.float32)), 3
    )
    costs = fresh.costs()
    # Leaves 5 and 1 hold 3 and 1 passages, leaf 1 one: 5 passages for 2 queries.
    assert costs["candidates_per_query"] == 2.5
    assert costs["leaves"] == 4
    assert costs["decoder_bytes"] == 4 * sum(each.numel() for each in decoder_of(TREE, width=32).parameters())
    assert fresh.index_bytes >= 7 * 32 * 4


def test_no_queries_have_no_hits(retriever):
    assert retriever.search(retriever.encode([]), 3).rows.shape == (0, 3)


def test_the_share_of_valid_paths_is_that_of_greedy_writing(retriever):
    assert 0 <= retriever.valid_share(QUERIES) <= 1
    # One leaf at each position: whatever is written is a path.
    single = PrefixTree.of(ClusterTree(np.zeros((2, 1), np.float32), np.array([[1, 2], [0, 0]])))
    model = CoarseModel(retriever._model.queries, decoder_of(single, width=32))
    places = Places(single, np.array([1]), np.zeros((1, 32), dtype=np.float32))
    assert (
        CoarseToFineRetriever(model, retriever._reader, places, Writing(3, 0.8, 1.0)).valid_share(QUERIES)
        == 1
    )


def test_longer_paths_are_not_punished_for_their_length():
    paths = [Written((0, 2), -2.0), Written((1, 0, 2), -3.0)]
    assert shares(paths, 1.0).tolist() == [0.5, 0.5]
    assert shares(paths, 0.0)[0] == pytest.approx(1 / (1 + np.exp(-1)))
