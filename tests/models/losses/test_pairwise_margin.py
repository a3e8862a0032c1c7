from itertools import combinations

import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.losses.pairwise_margin import pairwise_margin

LISTS = arrays.arrays("float32", (2, 4), elements=st.floats(-20, 20, width=32))


@given(LISTS, LISTS)
def test_it_is_the_mean_over_all_pairs_of_the_squared_difference_of_gaps(student, teacher):
    squares = [
        ((s[i] - s[j]) - (t[i] - t[j])) ** 2
        for s, t in zip(student.astype("float64"), teacher.astype("float64"), strict=True)
        for i, j in combinations(range(4), 2)
    ]
    found = pairwise_margin(torch.tensor(student), torch.tensor(teacher))
    assert found.item() == pytest.approx(sum(squares) / len(squares), rel=1e-4, abs=1e-3)


@given(LISTS, LISTS, st.floats(-50, 50))
def test_a_constant_added_to_a_list_changes_nothing(student, teacher, constant):
    student, teacher = torch.tensor(student), torch.tensor(teacher)
    moved = pairwise_margin(student, teacher + torch.tensor([[constant], [0.0]]))
    assert moved.item() == pytest.approx(pairwise_margin(student, teacher).item(), rel=1e-3, abs=1e-2)


@given(LISTS)
def test_a_student_that_scores_as_its_teacher_has_no_loss(scores):
    assert pairwise_margin(torch.tensor(scores), torch.tensor(scores)).item() == 0


def test_worked_by_hand():
    # student 5, 3, 2: gaps 2, 3, 1; teacher 4, 0, 1: gaps 4, 3, -1; differences -2, 0, 2: mean of 4, 0, 4
    # is 8/3
    found = pairwise_margin(torch.tensor([[5.0, 3.0, 2.0]]), torch.tensor([[4.0, 0.0, 1.0]]))
    assert found.item() == pytest.approx(8 / 3)


def test_the_gradient_reaches_the_student_and_not_the_teacher():
    student, teacher = (
        torch.tensor([[1.0, 2.0]]).requires_grad_(),
        torch.tensor([[3.0, 0.0]]).requires_grad_(),
    )
    pairwise_margin(student, teacher).backward()
    # the square of (1 - 2) - (3 - 0) = -4: its derivative by the first score is 2 · -4, by the other 8
    assert student.grad.tolist() == [[-8.0, 8.0]]
    assert teacher.grad is None


def test_lists_of_other_lengths_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        pairwise_margin(torch.zeros(1, 3), torch.zeros(1, 2))
