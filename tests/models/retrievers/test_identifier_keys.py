import pytest
import torch

from models.generative_settings import GenerativeSettings
from models.retrievers.identifier_keys import marked, weights


def test_the_mark_names_the_view_and_what_is_read():
    assert marked("who wrote fugues", "title") == "who wrote fugues || title || +"
    assert marked("who wrote fugues", "body", "p") == "who wrote fugues || body || p"


def test_only_keys_that_are_to_be_raised_are():
    # Both lie 14 below −1: raised, the log-odds against a share of e⁻⁹ are about 8.5, else negative.
    likely, share = torch.full((2,), -15.0), torch.full((2,), -9.0)
    found = weights(likely, share, torch.tensor([True, False]), GenerativeSettings())
    assert found.tolist() == [pytest.approx(8.46**2, rel=1e-2), 0]


def test_what_is_raised_has_a_gradient_below_the_ceiling():
    likely = torch.tensor([-16.0, -2.0], requires_grad=True)
    share, is_raised = torch.full((2,), -9.0), torch.tensor([True, True])
    weights(likely, share, is_raised, GenerativeSettings()).sum().backward()
    assert likely.grad[0] > 0
    assert likely.grad[1] == 0
