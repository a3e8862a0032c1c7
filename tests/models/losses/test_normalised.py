import jaxtyping
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.losses.list_net import list_net
from models.losses.normalised import normalised

LISTS = arrays.arrays("float32", (2, 4), elements=st.integers(-500, 500))
HOW = st.sampled_from(["z", "min_max"])


@given(LISTS, HOW, st.floats(0.5, 20), st.floats(-100, 100))
def test_unit_and_zero_change_nothing(scores, how, unit, zero):
    student = torch.tensor(scores, dtype=torch.float64)
    moved = normalised(unit * student + zero, how)
    assert torch.allclose(moved, normalised(student, how), atol=1e-4)


@given(LISTS, HOW)
def test_the_order_stays(scores, how):
    student = torch.tensor(scores, dtype=torch.float64)
    assert normalised(student, how).argsort(stable=True).equal(student.argsort(stable=True))


@given(LISTS)
def test_z_has_mean_zero_and_deviation_one(scores):
    student = torch.tensor(scores, dtype=torch.float64)
    assume((student.amax(1) > student.amin(1)).all())
    found = normalised(student, "z")
    assert found.mean(1).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert found.std(1, correction=0).tolist() == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("how", ["z", "min_max"])
def test_a_list_of_equal_scores_becomes_zero(how):
    student = torch.full((1, 3), 700.0, requires_grad=True)
    found = normalised(student, how)
    assert found.tolist() == [[0.0, 0.0, 0.0]]
    assert torch.autograd.grad(found.sum(), student)[0].tolist() == [[1.0, 1.0, 1.0]]


@pytest.mark.parametrize("how", ["z", "min_max"])
def test_a_list_that_is_upside_down_is_turned(how):
    student, teacher = (
        torch.tensor([[100.0, 700.0, 900.0]], requires_grad=True),
        torch.tensor([[8.0, 5.0, 1.0]]),
    )
    list_net(normalised(student, how), normalised(teacher, how)).backward()
    assert student.grad[0, 0] < -1e-4
    assert student.grad[0, 2] > 1e-4


@given(LISTS, HOW)
def test_a_gradient_is_divided_by_the_spread(scores, how):
    student = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    assume((student.amax(1) > student.amin(1)).all())
    found = normalised(student, how)
    (found[:, 0] - found[:, 1]).sum().backward()
    z, ends = student.detach().std(1, correction=0), student.detach().amax(1) - student.detach().amin(1)
    assert student.grad[:, 0].tolist() == pytest.approx((1 / (z if how == "z" else ends)).tolist(), rel=1e-6)


def test_worked_by_hand():
    # mean 400, squares 40000, 0, 40000: deviation √(80000/3) = 163.3
    found = normalised(torch.tensor([[200.0, 400.0, 600.0]]), "z")
    assert found[0].tolist() == pytest.approx([-1.224745, 0, 1.224745], abs=1e-5)
    assert normalised(torch.tensor([[200.0, 350.0, 600.0]]), "min_max").tolist() == [[0.0, 0.375, 1.0]]


def test_a_loss_of_raw_scores_does_not_move_them_and_one_of_normalised_scores_does():
    teacher = torch.tensor([[1.0, 0.0, -1.0]])
    raw, scaled = (torch.tensor([[900.0, 100.0, 500.0]], requires_grad=True) for _ in range(2))
    # The student's softmax is sure of the first passage: to the last bit the rest has share 0.
    gradients = torch.autograd.grad(raw.softmax(1)[0, 0], raw)[0]
    assert gradients.tolist() == [[0.0, 0.0, 0.0]]
    list_net(normalised(scaled, "z"), teacher).backward()
    assert scaled.grad[0, 1] < 0 < scaled.grad[0, 2]


def test_wrong_shapes_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        normalised(torch.zeros(3), "z")
