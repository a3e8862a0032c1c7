import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sentence_transformers.cross_encoder.losses import ListNetLoss

from models.losses.list_net import list_net
from models.losses.sentence_kl import sentence_kl
from tests.models.losses.library_losses import of_library

LISTS = arrays.arrays("float32", (2, 4), elements=st.floats(-5, 5, width=32))


@given(LISTS, LISTS)
def test_it_is_the_librarys(student, teacher):
    student, teacher = torch.tensor(student), torch.tensor(teacher)
    expected = of_library(ListNetLoss, student, teacher).item()
    assert list_net(student, teacher).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(LISTS, LISTS)
def test_it_is_least_where_the_student_scores_as_the_teacher(student, teacher):
    student, teacher = torch.tensor(student), torch.tensor(teacher)
    assert list_net(student, teacher).item() >= list_net(teacher + 3, teacher).item() - 1e-4


@given(LISTS, LISTS)
def test_its_gradient_is_that_of_the_divergence(student, teacher):
    teacher, left_out = torch.tensor(teacher), torch.zeros(2, 4, dtype=torch.bool)
    first, second = (torch.tensor(student, requires_grad=True) for _ in range(2))
    list_net(first, teacher).backward()
    sentence_kl(second, teacher, left_out).backward()
    assert torch.allclose(first.grad, second.grad, atol=1e-5)


def test_worked_by_hand():
    # the teacher's odds are 3 : 1, the student's 1 : 1: -3/4 · ln(1/2) - 1/4 · ln(1/2) = ln 2
    teacher = torch.tensor([[math.log(3), 0.0]])
    assert list_net(torch.zeros(1, 2), teacher).item() == pytest.approx(math.log(2))
    # the student's 1 : 3 as well: -3/4 · ln(1/4) - 1/4 · ln(3/4) = 1.11164
    assert list_net(-teacher, teacher).item() == pytest.approx(1.11164, abs=1e-5)
