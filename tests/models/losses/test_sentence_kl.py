import math

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.sentence_kl import sentence_kl

SCORES = st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3)
NOTHING = torch.zeros(1, 3, dtype=torch.bool)


@given(SCORES, SCORES, st.floats(-50, 50), st.floats(0.5, 5))
def test_a_constant_added_to_either_side_changes_nothing(student, ranker, constant, temperature):
    own, theirs = torch.tensor([student]), torch.tensor([ranker])
    plain = sentence_kl(own, theirs, NOTHING, temperature).item()
    for moved in ((own + constant, theirs), (own, theirs + constant)):
        assert sentence_kl(*moved, NOTHING, temperature).item() == pytest.approx(plain, rel=1e-3, abs=1e-3)


@given(SCORES, SCORES)
def test_it_is_never_below_zero_and_zero_where_both_agree(student, ranker):
    own, theirs = torch.tensor([student]), torch.tensor([ranker])
    assert sentence_kl(own, theirs, NOTHING).item() >= -1e-6
    assert sentence_kl(own, own + 3, NOTHING).item() == pytest.approx(0, abs=1e-5)


@given(SCORES, SCORES, st.floats(-10, 10, width=32))
def test_what_is_left_out_has_no_share(student, ranker, other):
    left_out = torch.tensor([[False, False, True]])
    whole = sentence_kl(torch.tensor([student]), torch.tensor([ranker]), left_out)
    changed = sentence_kl(
        torch.tensor([[*student[:2], other]]), torch.tensor([[*ranker[:2], -other]]), left_out
    )
    alone = sentence_kl(torch.tensor([student[:2]]), torch.tensor([ranker[:2]]), NOTHING[:, :2])
    assert whole.item() == pytest.approx(alone.item(), abs=1e-5)
    assert changed.item() == pytest.approx(alone.item(), abs=1e-5)


def test_worked_by_hand():
    # ranker's odds 3 : 1, student's 1 : 1 at temperature 1: 3/4·ln(3/2) + 1/4·ln(1/2) = 0.13081
    student, ranker = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3), 0.0]])
    assert sentence_kl(student, ranker, NOTHING[:, :2]).item() == pytest.approx(0.13081, abs=1e-5)
    # the same odds from scores twice as far apart, at temperature 2, times 2²
    assert sentence_kl(student, 2 * ranker, NOTHING[:, :2], 2.0).item() == pytest.approx(
        4 * 0.13081, abs=1e-4
    )


def test_the_gradient_reaches_the_student_and_not_the_ranker():
    student = torch.tensor([[1.0, 2.0, 9.0]], requires_grad=True)
    ranker = torch.tensor([[3.0, 1.0, 9.0]], requires_grad=True)
    sentence_kl(student, ranker, torch.tensor([[False, False, True]])).backward()
    assert student.grad[0, 0] < 0 < student.grad[0, 1]
    assert student.grad[0, 2] == 0
    assert ranker.grad is None


def test_wrong_shapes_are_refused():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        sentence_kl(torch.zeros(1, 3), torch.zeros(1, 2), NOTHING)
