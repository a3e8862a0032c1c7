import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.losses.distilled_ranknet import distilled_ranknet
from models.losses.ltrgr import ltrgr

LISTS = arrays.arrays("float32", (2, 4), elements=st.floats(-500, 500, width=32))


@given(LISTS, st.permutations([1, 2, 3]), st.floats(-100, 100))
def test_the_order_of_negatives_and_a_constant_change_nothing(scores, order, constant):
    student = torch.tensor(scores, dtype=torch.float64)
    plain = ltrgr(student, 300.0).item()
    assert ltrgr(student[:, [0, *order]] + constant, 300.0).item() == pytest.approx(plain, rel=1e-6, abs=1e-6)


@given(st.floats(-500, 500), st.floats(-500, 500))
def test_of_one_negative_it_is_the_hinge_that_distilled_ranknet_has(answer, negative):
    student = torch.tensor([[answer, negative]], dtype=torch.float64)
    expected = distilled_ranknet(student, 300.0, 100.0, first_weight=1.0).item()
    assert ltrgr(student, 300.0).item() == pytest.approx(expected)


def test_it_is_zero_where_the_answer_is_ahead_by_the_margin():
    assert ltrgr(torch.tensor([[500.0, 200.0, -7.0]]), 300.0).item() == 0


def test_worked_by_hand():
    # 4 - 5 + 2 = 1 and 1 - 5 + 2 < 0: mean 1/2; 3 - 1 + 2 = 4 and 2 - 1 + 2 = 3: mean 7/2; both lists: 2
    student = torch.tensor([[5.0, 4.0, 1.0], [1.0, 3.0, 2.0]])
    assert ltrgr(student, 2.0).item() == pytest.approx(2)


def test_a_list_of_an_answer_alone_has_no_loss():
    assert ltrgr(torch.tensor([[5.0]]), 2.0).item() == 0


def test_the_gradient_lifts_the_answer_and_lowers_what_comes_too_near():
    student = torch.tensor([[5.0, 4.0, 1.0]], requires_grad=True)
    ltrgr(student, 2.0).backward()
    assert student.grad.tolist() == [[-0.5, 0.5, 0.0]]


def test_wrong_shapes_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        ltrgr(torch.zeros(3), 2.0)
