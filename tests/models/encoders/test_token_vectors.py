import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from models.encoders import token_vectors
from models.encoders.token_vectors import TokenVectors, max_sim

LENGTHS = st.lists(st.integers(0, 4), max_size=6)


def made(lengths, seed, dtype=np.float32):
    """Random texts of so many tokens."""
    numbers = np.random.default_rng(seed)
    return TokenVectors.of(
        [numbers.normal(size=(length, 3)).astype(dtype) for length in lengths], np.zeros((0, 3), dtype)
    )


def by_definition(query, passage):
    """The score of one query and one passage, pair of tokens by pair of tokens."""
    if not len(passage):
        return -np.inf
    return sum(max(float(np.dot(q.astype(float), p.astype(float))) for p in passage) for q in query)


@given(LENGTHS, LENGTHS, st.integers(0, 99), st.sampled_from([1, 5, 10_000]))
def test_max_sim_is_the_sum_of_the_best_matches(queries, passages, seed, at_once):
    before, token_vectors.AT_ONCE = token_vectors.AT_ONCE, at_once
    asked, found = made(queries, seed), made(passages, seed + 1, np.float16)
    try:
        scores = max_sim(asked, found)
    finally:
        token_vectors.AT_ONCE = before
    assert scores.shape == (len(queries), len(passages))
    for q in range(len(queries)):
        for p in range(len(passages)):
            assert scores[q, p] == pytest.approx(by_definition(asked.text(q), found.text(p)), rel=1e-6)


@given(st.integers(1, 40), st.integers(0, 99))
def test_equal_passages_tie_wherever_they_stand(others, seed):
    first = made([3], seed).text(0)
    passages = TokenVectors.of([first, *(made([1 + n % 5], n).text(0) for n in range(others)), first], first)
    scores = max_sim(made([4, 2], seed + 1), passages)
    assert (scores[:, 0] == scores[:, -1]).all()


def test_max_sim_worked_by_hand():
    # query token (1, 0) finds .6 in (.6, .8) and 1 in (1, 0); query token (0, 1) finds .8 and 0: 1 + .8
    query = TokenVectors.of([np.float32([[1, 0], [0, 1]])], np.zeros((0, 2), np.float32))
    passage = TokenVectors.of([np.float32([[0.6, 0.8], [1, 0]])], np.zeros((0, 2), np.float32))
    assert max_sim(query, passage).tolist() == [[pytest.approx(1.8)]]


def test_the_best_match_may_be_below_nothing():
    # with padding taken for a token the best match would be 0
    query, passage = (
        TokenVectors.of([np.float32([[sign]])], np.zeros((0, 1), np.float32)) for sign in (1, -1)
    )
    assert max_sim(query, passage).tolist() == [[-1.0]]


def test_some_texts_are_taken_in_the_order_of_rows():
    texts = made([2, 0, 3], 1)
    taken = texts.take([2, 1, 2])
    assert [len(taken.text(row)) for row in range(3)] == [3, 0, 3]
    assert taken.text(0).tolist() == texts.text(2).tolist()
    assert len(texts.take([])) == 0


def test_bytes_are_those_of_vectors_and_places():
    # 5 tokens of 3 numbers of 2 bytes, and 4 places of 8 bytes
    assert made([2, 0, 3], 1, np.float16).bytes == 5 * 3 * 2 + 4 * 8


@pytest.mark.parametrize("side", ["query", "passage"])
def test_numbers_that_are_none_are_refused(side):
    good, bad = (TokenVectors.of([np.float32([[n, 1.0]])], np.zeros((0, 2), np.float32)) for n in (1, np.nan))
    with pytest.raises(InputError, match="NaN or infinity in the vectors of a query or a passage"):
        max_sim(*((bad, good) if side == "query" else (good, bad)))


def test_vectors_that_are_no_matrix_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        TokenVectors(np.zeros(3, np.float32), np.array([0, 3]))
