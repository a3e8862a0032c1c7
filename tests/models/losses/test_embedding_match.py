import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jaxtyping import TypeCheckError

from models.losses.embedding_match import embedding_match

VECTORS = arrays(np.float32, (3, 4), elements=st.floats(-10, 10, width=32))


@given(VECTORS, VECTORS, arrays(np.float32, (4,), elements=st.floats(-10, 10, width=32)))
def test_both_spaces_may_be_shifted_and_turned_alike(student, teacher, shift):
    turn = np.linalg.qr(np.arange(16.0).reshape(4, 4) ** 2 + np.eye(4))[0].astype(np.float32)
    plain, moved = (
        embedding_match(torch.from_numpy(a), torch.from_numpy(b)).item()
        for a, b in ((student, teacher), ((student + shift) @ turn, (teacher + shift) @ turn))
    )
    assert moved == pytest.approx(plain, abs=1e-3)


@given(VECTORS)
def test_a_student_that_lies_where_its_teacher_lies_has_no_loss_and_no_gradient(vectors):
    student = torch.from_numpy(vectors).requires_grad_()
    loss = embedding_match(student, torch.from_numpy(vectors))
    loss.backward()
    assert loss.item() == 0
    assert not student.grad.any()


def test_worked_by_hand():
    # differences (3, 4), (0, 0) and (1, 2): lengths 5, 0 and √5, of which the mean
    student = torch.tensor([[3.0, 4.0], [7.0, 7.0], [1.0, 2.0]])
    teacher = torch.tensor([[0.0, 0.0], [7.0, 7.0], [0.0, 0.0]])
    assert embedding_match(student, teacher).item() == pytest.approx((5 + 5**0.5) / 3)


def test_a_distance_and_not_its_square_pulls_far_and_near_texts_alike():
    student = torch.tensor([[10.0, 0.0], [0.0, 0.1]], requires_grad=True)
    embedding_match(student, torch.zeros(2, 2)).backward()
    assert student.grad.norm(dim=1).tolist() == pytest.approx([0.5, 0.5])


def test_it_fixes_the_length_as_a_cosine_does_not():
    assert embedding_match(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]])).item() == 1.0


def test_no_gradient_reaches_the_teacher():
    student, teacher = (torch.randn(2, 3, requires_grad=True) for _ in range(2))
    embedding_match(student, teacher).backward()
    # A mean over two texts of distances, whose gradient has length 1.
    assert student.grad.norm(dim=1).tolist() == pytest.approx([0.5, 0.5])
    assert teacher.grad is None


def test_vectors_of_two_widths_are_refused():
    with pytest.raises(TypeCheckError):
        embedding_match(torch.zeros(2, 3), torch.zeros(2, 4))
