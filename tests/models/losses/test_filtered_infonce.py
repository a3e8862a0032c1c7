import math

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.filtered_infonce import false_negatives, filtered_infonce

SCORES = st.lists(st.floats(-20, 20, width=32), min_size=4, max_size=4)


@given(SCORES, SCORES)
def test_a_passage_is_left_out_as_if_it_had_not_been_in_the_list(student, ranker):
    left_out = false_negatives(torch.tensor([ranker]))
    kept = [score for score, out in zip(student, left_out[0].tolist(), strict=True) if not out]
    alone = filtered_infonce(torch.tensor([kept]), torch.zeros(1, len(kept), dtype=torch.bool))
    assert filtered_infonce(torch.tensor([student]), left_out).item() == pytest.approx(alone.item(), abs=1e-5)


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=6), st.floats(0.5, 4), st.integers(-8, 8))
def test_the_filter_sees_only_the_order(ranker, factor, constant):
    scores = torch.tensor([ranker]).double()
    assert torch.equal(false_negatives(factor * scores + constant), false_negatives(scores))
    assert torch.equal(false_negatives(scores.exp()), false_negatives(scores))


@given(SCORES)
def test_the_positive_is_never_left_out(ranker):
    assert not false_negatives(torch.tensor([ranker]))[:, 0].any()


def test_worked_by_hand():
    # first query: odds 2 : 1 : (8, left out since 5 > 4), so the positive's share is 2/3;
    # second: odds 1 : 1 : 2, nothing above 9, share 1/4. Mean of ln 1.5 and ln 4: 0.89588
    student = torch.tensor([[math.log(2), 0.0, math.log(8)], [0.0, 0.0, math.log(2)]])
    left_out = false_negatives(torch.tensor([[4.0, 4.0, 5.0], [9.0, 1.0, 2.0]]))
    assert left_out.tolist() == [[False, False, True], [False, False, False]]
    expected = (math.log(1.5) + math.log(4)) / 2
    assert filtered_infonce(student, left_out).item() == pytest.approx(expected)


def test_a_query_whose_negatives_are_all_left_out_adds_nothing_and_moves_nothing():
    scores = torch.tensor([[1.0, 5.0, 3.0]], requires_grad=True)
    loss = filtered_infonce(scores, torch.tensor([[False, True, True]]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_the_gradient_of_what_is_left_out_is_zero_and_that_of_the_rest_is_not():
    scores = torch.tensor([[1.0, 5.0, 3.0]], requires_grad=True)
    filtered_infonce(scores, torch.tensor([[False, True, False]])).backward()
    assert scores.grad[0, 1] == 0
    assert scores.grad[0, 0] < 0 < scores.grad[0, 2]


def test_wrong_shapes_are_refused():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        filtered_infonce(torch.zeros(2, 3), torch.zeros(3, 2, dtype=torch.bool))
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        false_negatives(torch.zeros(3))
