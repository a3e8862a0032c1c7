import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.losses.token_matching import token_matching

TOKENS = arrays.arrays("float32", (5, 3), elements=st.floats(-3, 3, width=32))


@given(TOKENS, TOKENS, TOKENS)
def test_turning_both_models_alike_changes_nothing(student, teacher, axes):
    turn = torch.linalg.qr(torch.tensor(axes.astype("float64")).T @ torch.tensor(axes.astype("float64")))[0]
    student, teacher = torch.tensor(student).double(), torch.tensor(teacher).double()
    turned = token_matching(student @ turn, teacher @ turn)
    assert turned.item() == pytest.approx(token_matching(student, teacher).item(), abs=1e-6)


@given(TOKENS)
def test_a_student_whose_tokens_are_the_teachers_has_no_loss_and_no_gradient(tokens):
    student = torch.tensor(tokens).requires_grad_()
    loss = token_matching(student, torch.tensor(tokens))
    loss.backward()
    assert loss.item() == 0
    assert not student.grad.any()  # the norm has no derivative at 0; NaN would spoil all weights


def test_worked_by_hand():
    # distances 5 (of 3 and 4) and 0: mean 2.5
    found = token_matching(torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    assert found.item() == pytest.approx(2.5)


def test_the_gradient_reaches_the_student_and_not_the_teacher():
    student, teacher = torch.tensor([[3.0, 4.0]]).requires_grad_(), torch.zeros(1, 2).requires_grad_()
    token_matching(student, teacher).backward()
    assert student.grad.tolist() == [pytest.approx([0.6, 0.8])]
    assert teacher.grad is None


def test_tokens_of_another_width_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        token_matching(torch.zeros(2, 3), torch.zeros(2, 4))
