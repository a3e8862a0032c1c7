import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from models.retriever import Counted, Retriever
from models.retrievers import sparse
from models.retrievers.sparse import SparseRetriever

# Whole numbers add up exactly in any order.
WEIGHTS = st.integers(0, 3)


def matrix(rows, vocab):
    return csr_array(np.float32(rows).reshape(-1, vocab))


class Words:
    """Gives every query the row of weights that bears its name."""

    parameters = 7

    def __init__(self, rows=None, vocab=3):
        self.rows, self.vocab = rows or {}, vocab

    def encode_queries(self, texts):
        return matrix([self.rows[text] for text in texts], self.vocab)


@st.composite
def collections(draw):
    vocab, passages, queries = (draw(st.integers(1, 6)) for _ in range(3))
    rows = [draw(st.lists(WEIGHTS, min_size=vocab, max_size=vocab)) for _ in range(passages + queries)]
    return matrix(rows[:passages], vocab), matrix(rows[passages:], vocab)


@given(collections(), st.integers(1, 8), st.sampled_from([1, 5, 4_000_000]))
def test_it_finds_what_all_inner_products_say(given_, depth, cells):
    passages, queries = given_
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "CELLS", cells)
        hits = SparseRetriever(Words(vocab=passages.shape[1]), passages).search(queries, depth)
    products = queries.toarray() @ passages.toarray().T
    assert hits.rows.shape == hits.scores.shape == (len(products), depth)
    for place, scores in enumerate(products):
        order = [row for row in np.lexsort((np.arange(len(scores)), -scores)) if scores[row] > 0][:depth]
        assert hits.rows[place].tolist() == order + [-1] * (depth - len(order))
        assert hits.scores[place, : len(order)].tolist() == scores[order].tolist()
        assert np.isneginf(hits.scores[place, len(order) :]).all()


def test_equal_scores_are_ordered_by_row_also_at_the_cut():
    passages = matrix([[1, 0], [2, 0], [1, 0], [1, 0]], 2)
    hits = SparseRetriever(Words(vocab=2), passages).search(matrix([[1, 0]], 2), 3)
    assert hits.rows.tolist() == [[1, 0, 2]]
    assert hits.scores.tolist() == [[2, 1, 1]]


def test_a_query_or_a_passage_without_terms_is_no_hit():
    hits = SparseRetriever(Words(), matrix([[1, 2, 0], [0, 0, 0]], 3)).search(
        matrix([[0, 0, 0], [0, 1, 0]], 3), 2
    )
    assert hits.rows.tolist() == [[-1, -1], [0, -1]]


def test_costs_worked_by_hand():
    # passages have 2 and 1 terms; shares of the terms 1, ½, 0. The queries "a" and "b" have 1 and 2 terms;
    # shares 1, 0, ½. Products: 1·1 + 0·½ + ½·0 = 1
    words = Words({"a": [1, 0, 0], "b": [1, 0, 2]})
    retriever = SparseRetriever(words, matrix([[1, 2, 0], [3, 0, 0]], 3))
    assert retriever.costs() == {"passage_terms": 1.5, "query_terms": 0, "flops": 0}
    retriever.encode(["a"])
    retriever.encode(["b"])
    assert retriever.costs() == {"passage_terms": 1.5, "query_terms": 1.5, "flops": 1}
    assert retriever.parameters == 7
    # three postings: a weight and a row of four bytes each, and where each of three terms begins and ends
    assert retriever.index_bytes == 3 * (4 + 4) + 4 * 4


def test_it_is_a_retriever_that_counts():
    retriever = SparseRetriever(Words(), matrix([[1, 2, 0]], 3))
    assert isinstance(retriever, Retriever)
    assert isinstance(retriever, Counted)
