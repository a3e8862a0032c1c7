import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.score_regression import ScoreRegression, calibration, score_regression


def scores(seed, queries=3, candidates=4):
    return torch.randn(queries, candidates, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 30), st.floats(0.1, 20), st.floats(-50, 50))
def test_any_unit_and_zero_of_the_teacher_are_calibrated_away(seed, unit, zero):
    student = scores(seed).abs()
    slope, offset = calibration(student, unit * student + zero)
    assert slope == pytest.approx(unit, rel=1e-3)
    assert offset == pytest.approx(zero, abs=1e-3 * (unit + abs(zero)))
    assert score_regression(student, unit * student + zero, slope, offset).item() == pytest.approx(
        0, abs=1e-4
    )


@given(st.integers(0, 30))
def test_it_is_least_where_the_student_scores_as_the_teacher_does(seed):
    teacher = scores(seed)
    assert score_regression(teacher, teacher).item() == 0
    assert score_regression(teacher + 0.1 * scores(seed + 1), teacher).item() > 0


@given(st.integers(0, 30), st.floats(-50, 50))
def test_without_calibration_a_constant_added_to_the_teacher_matters(seed, constant):
    student, teacher = scores(seed), scores(seed + 1)
    plain = score_regression(student, teacher).item()
    # E[(d - c)²] = E[d²] - 2 c E[d] + c²
    expected = plain - 2 * constant * (student - teacher).mean().item() + constant**2
    assert score_regression(student, teacher + constant).item() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_score_regression_worked_by_hand():
    # 3·2 - 1 = 5 against 4, 3·0 - 1 = -1 against -3: squares 1 and 4, mean 2.5
    found = score_regression(torch.tensor([[2.0, 0.0]]), torch.tensor([[4.0, -3.0]]), slope=3.0, offset=-1.0)
    assert found.item() == pytest.approx(2.5)


def test_calibration_worked_by_hand():
    # student 1, 3: mean 2, spread 1; teacher -6, -2: mean -4, spread 2. a = 2, b = -4 - 2·2 = -8
    assert calibration(torch.tensor([[1.0, 3.0]]), torch.tensor([[-6.0, -2.0]])) == pytest.approx((2, -8))


def test_a_student_without_spread_is_only_shifted():
    assert calibration(torch.zeros(1, 2), torch.tensor([[4.0, 2.0]])) == (1, 3)


def test_unit_and_zero_are_those_of_the_first_step():
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    columns = [torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])]
    loss = ScoreRegression()
    # scores 3 and 1 of both queries, the other way round; the teacher's are twice that, less 8: a = 2, b = -8
    assert loss.compute_loss_from_embeddings(
        [queries, *columns], torch.tensor([[-2.0, -6.0], [-6.0, -2.0]])
    ).item() == pytest.approx(0, abs=1e-5)
    # a second step, whose teacher says 1 more: each error is 1
    assert loss.compute_loss_from_embeddings(
        [queries, *columns], torch.tensor([[-1.0, -5.0], [-5.0, -1.0]])
    ).item() == pytest.approx(1, abs=1e-5)
    assert (loss.slope, loss.offset) == pytest.approx((2, -8))
    assert (
        ScoreRegression(calibrate=False)
        .compute_loss_from_embeddings([queries, *columns], torch.tensor([[3.0, 1.0], [1.0, 3.0]]))
        .item()
        == 0
    )


def test_the_gradient_reaches_the_student_and_not_the_teacher():
    student, teacher = scores(0).requires_grad_(), scores(1).requires_grad_()
    slope, offset = calibration(student, teacher)
    score_regression(student, teacher, slope, offset).backward()
    # d/ds of the mean of (a·s + b - t)²
    by_hand = 2 * slope * (slope * student + offset - teacher) / student.numel()
    assert student.grad.tolist() == [pytest.approx(row, abs=1e-5) for row in by_hand.tolist()]
    assert teacher.grad is None


def test_scores_of_other_lists_are_refused():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        score_regression(scores(0), scores(0, candidates=3))
