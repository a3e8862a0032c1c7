import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.encoders.token_vectors import TokenVectors
from models.retriever import Retriever
from models.retrievers.faiss_index import FlatConfig, IvfConfig
from models.retrievers.late_interaction import LateInteractionConfig, LateInteractionRetriever

EMPTY = np.zeros((0, 4), np.float16)
LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=12)
ALL = 1_000  # tokens: more than any collection here has


def made(lengths, seed, dtype=np.float16):
    """Random unit vectors of texts of so many tokens."""
    numbers = np.random.default_rng(seed)
    texts = []
    for length in lengths:
        vectors = numbers.normal(size=(length, 4))
        texts.append((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(dtype))
    return TokenVectors.of(texts, EMPTY.astype(dtype))


def retriever(passages, **settings):
    return LateInteractionRetriever(
        lambda texts: made([3] * len(texts), len(texts), np.float32),
        passages,
        LateInteractionConfig(**settings),
    )


def brute_force(queries, passages, depth):
    """Rows by falling score, then by row: pair of tokens by pair of tokens."""
    orders = []
    for q in range(len(queries)):
        scores = {
            row: sum(
                max(float(a.astype(float) @ b.astype(float)) for b in passages.text(row))
                for a in queries.text(q)
            )
            for row in range(len(passages))
            if len(passages.text(row))
        }
        orders.append(sorted(scores, key=lambda row: (-np.float32(scores[row]), row))[:depth])
    return orders


def nearest(token, passages):
    """Row of the passage that has the nearest token."""
    best = {
        row: max(passages.text(row).astype(np.float32) @ token, default=-1.0) for row in range(len(passages))
    }
    return max(best, key=best.get)


def rows_of(hits):
    return [[int(row) for row in query if row >= 0] for query in hits.rows]


def test_it_is_a_retriever():
    assert isinstance(retriever(made([2, 3], 0)), Retriever)


@given(LENGTHS, st.integers(0, 99), st.integers(1, 15))
def test_exact_search_is_brute_force(lengths, seed, depth):
    passages = made(lengths, seed)
    found = retriever(passages)
    queries = found.encode(["one", "two"])
    hits = found.search(queries, depth)
    assert hits.rows.shape == hits.scores.shape == (2, depth)
    assert rows_of(hits) == brute_force(queries, passages, depth)


@given(LENGTHS, st.integers(0, 99), st.integers(1, 15), st.sampled_from([FlatConfig(), IvfConfig(lists=1)]))
def test_looking_at_every_token_finds_what_exact_search_finds(lengths, seed, depth, index):
    passages = made([1, *lengths], seed)
    near = retriever(passages, exact_up_to_tokens=0, index=index, near_tokens=ALL)
    exact = retriever(passages)
    queries = exact.encode(["one", "two", "three"])
    found, expected = near.search(queries, depth), exact.search(queries, depth)
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.scores.tolist() == expected.scores.tolist()


@given(LENGTHS, st.integers(0, 99))
def test_whatever_is_found_near_is_scored_exactly(lengths, seed):
    passages = made([1, *lengths], seed)
    near = retriever(passages, exact_up_to_tokens=0, index=FlatConfig(), near_tokens=1)
    queries = near.encode(["one"])
    hits = near.search(queries, 20)
    every = retriever(passages).search(queries, 20)
    scores = dict(zip(every.rows[0].tolist(), every.scores[0].tolist(), strict=True))
    kept = rows_of(hits)[0]
    # The passages of the tokens that are nearest to each of the query's, and no others.
    assert set(kept) == {nearest(token, passages) for token in queries.text(0)}
    assert hits.scores[0, : len(kept)].tolist() == [scores[row] for row in kept]


def test_equal_passages_are_ordered_by_row():
    text = made([3], 7).text(0)
    hits = retriever(TokenVectors.of([text] * 4, EMPTY)).search(made([3], 1, np.float32), 3)
    assert hits.rows.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("exact", [0, 100])
def test_the_index_is_the_vectors_their_places_and_what_faiss_keeps(exact):
    passages = made([2, 3], 0)
    found = retriever(passages, exact_up_to_tokens=exact, index=FlatConfig())
    own = 5 * 4 * 2 + 3 * 8  # float16, and three places of int64
    flat = faiss.IndexFlatIP(4)
    flat.add(passages.vectors.astype(np.float32))
    assert found.index_bytes == own + (0 if exact else len(faiss.serialize_index(flat)))


def test_the_number_of_tokens_decides_whether_search_is_exact():
    passages = made([2, 3], 0)
    assert "exact tokens=5 dim=4" in retriever(passages, exact_up_to_tokens=5).description
    assert "faiss flat" in retriever(passages, exact_up_to_tokens=4, index=FlatConfig()).description


def test_no_passages_and_no_queries_give_no_hits():
    hits = retriever(made([], 0)).search(made([2], 0, np.float32), 3)
    assert hits.rows.tolist() == [[-1, -1, -1]]
    assert retriever(made([2], 0)).search(made([], 0, np.float32), 3).rows.shape == (0, 3)


def test_a_passage_without_tokens_is_no_hit():
    hits = retriever(made([0, 2], 0)).search(made([2], 0, np.float32), 2)
    assert hits.rows.tolist() == [[1, -1]]
    assert hits.scores[0, 1] == -np.inf
