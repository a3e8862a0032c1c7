import pytest
import torch
from jaxtyping import TypeCheckError

from models.losses.reconstruction import reconstruction


def test_what_is_rebuilt_exactly_costs_nothing():
    vectors = torch.randn(2, 3)
    assert reconstruction(vectors, vectors).item() == 0


def test_worked_by_hand():
    # squares 1, 4, 0, 9: mean 3.5
    found = reconstruction(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 1.0]]))
    assert found.item() == 3.5


def test_no_gradient_reaches_the_text_that_was_read_alone():
    rebuilt, alone = (torch.randn(2, 3, requires_grad=True) for _ in range(2))
    reconstruction(rebuilt, alone).backward()
    assert rebuilt.grad.any()
    assert alone.grad is None


def test_vectors_of_two_widths_are_refused():
    with pytest.raises(TypeCheckError):
        reconstruction(torch.zeros(2, 3), torch.zeros(2, 4))
