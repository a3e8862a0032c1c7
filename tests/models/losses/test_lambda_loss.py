import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sentence_transformers.cross_encoder.losses import LambdaLoss

from models.losses.lambda_loss import lambda_loss
from tests.models.losses.library_losses import of_library

LISTS = arrays.arrays("float32", (2, 4), elements=st.floats(-5, 5, width=32))


@given(st.integers(0, 200))
def test_it_is_the_librarys_where_no_scores_are_equal(seed):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.rand(3, 5, generator=generator) for _ in range(2))
    expected = of_library(LambdaLoss, 4 * student, teacher).item()
    assert lambda_loss(4 * student, teacher).item() == pytest.approx(expected, rel=1e-4)


@given(LISTS, st.integers(0, 50), st.floats(-20, 20))
def test_a_constant_added_to_the_student_changes_nothing(student, seed, constant):
    # Whole numbers: they stay apart when a constant is added.
    student = torch.tensor(student).round()
    gains = torch.rand(2, 4, generator=torch.Generator().manual_seed(seed))
    plain = lambda_loss(student, gains).item()
    assert lambda_loss(student + round(constant), gains).item() == pytest.approx(plain, rel=1e-4, abs=1e-5)


def test_it_nears_zero_as_the_student_gets_sure_of_the_order():
    gains = torch.tensor([[1.0, 0.5, 0.0]])
    assert lambda_loss(100 * gains, gains).item() == pytest.approx(0, abs=1e-6)
    assert lambda_loss(-100 * gains, gains).item() > 100


def test_a_list_without_a_preference_has_no_loss_and_no_gradient():
    student = torch.tensor([[1.0, 2.0]], requires_grad=True)
    for gains in (torch.zeros(1, 2), torch.ones(1, 2)):
        loss = lambda_loss(student, gains)
        assert loss.item() == 0
        assert torch.autograd.grad(loss, student)[0].tolist() == [[0.0, 0.0]]


def test_worked_by_hand():
    # gains 1 and 0, ideal 1/log2(2) = 1: they differ by 1. The ranks are one apart: the bound is
    # 1/log2(2) - 1/log2(3) = 0.36907, and so is the change: weight 11 · 0.36907 = 4.05977. log2 σ(0) = -1.
    tied = lambda_loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    assert tied.item() == pytest.approx(11 * (1 - 1 / math.log2(3)))
    # in the wrong order by ln 3: σ = 1/4, two bits
    wrong = lambda_loss(torch.tensor([[0.0, math.log(3)]]), torch.tensor([[1.0, 0.0]]))
    assert wrong.item() == pytest.approx(22 * (1 - 1 / math.log2(3)), rel=1e-5)
