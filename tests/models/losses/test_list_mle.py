import math
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sentence_transformers.cross_encoder.losses import ListMLELoss

from models.losses.list_mle import list_mle
from tests.models.losses.library_losses import of_library

LISTS = arrays.arrays("float32", (2, 4), elements=st.floats(-5, 5, width=32))


@given(LISTS, st.integers(0, 100))
def test_it_is_the_librarys(student, seed):
    student = torch.tensor(student)
    teacher = torch.rand(2, 4, generator=torch.Generator().manual_seed(seed))
    expected = of_library(ListMLELoss, student, teacher, respect_input_order=False).item()
    assert list_mle(student, teacher).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(arrays.arrays("float32", (1, 3), elements=st.floats(-5, 5, width=32)))
def test_the_likelihoods_of_all_orders_sum_to_one(student):
    orders = [torch.tensor([each], dtype=torch.float32) for each in permutations(range(3))]
    total = sum(math.exp(-list_mle(torch.tensor(student), teacher).item()) for teacher in orders)
    assert total == pytest.approx(1, abs=1e-4)


@given(LISTS, LISTS, st.floats(-50, 50))
def test_a_constant_and_a_rising_transform_of_the_teacher_change_nothing(student, teacher, constant):
    student, teacher = torch.tensor(student), torch.tensor(teacher, dtype=torch.float64)
    teacher = teacher.argsort(dim=1).argsort(dim=1).float()
    plain = list_mle(student, teacher).item()
    assert list_mle(student + constant, teacher**3).item() == pytest.approx(plain, rel=1e-3, abs=1e-3)


def test_worked_by_hand():
    # drawn in the order 2, 1 with odds 1 : 3: the first with probability 3/4, what is left with 1
    found = list_mle(torch.tensor([[0.0, math.log(3)]]), torch.tensor([[1.0, 2.0]]))
    assert found.item() == pytest.approx(-math.log(3 / 4), abs=1e-6)
    # equal odds of three: 1/3 · 1/2 · 1
    assert list_mle(torch.zeros(1, 3), torch.tensor([[1.0, 3.0, 2.0]])).item() == pytest.approx(math.log(6))


def test_it_nears_zero_as_the_student_gets_sure_of_the_order():
    teacher = torch.tensor([[3.0, 2.0, 1.0]])
    assert list_mle(50 * teacher, teacher).item() == pytest.approx(0, abs=1e-6)
