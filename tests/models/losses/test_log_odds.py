import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.losses.log_odds import log_odds, log_share, weight

logs = st.floats(-60, -0.01)


@given(logs, logs)
def test_log_odds_are_the_difference_of_two_logits(of_model, of_index):
    found = log_odds(*(torch.tensor([each], dtype=torch.float64) for each in (of_model, of_index))).item()
    expected = [each - math.log(-math.expm1(each)) for each in (of_model, of_index)]
    assert found == pytest.approx(expected[0] - expected[1], rel=1e-9, abs=1e-9)


@given(logs, logs)
def test_what_is_no_likelier_than_anywhere_weighs_nothing(one, other):
    low, high = sorted([one, other])
    low, high = torch.tensor([low]), torch.tensor([high])
    assert weight(low, high).item() == 0
    assert weight(high, low).equal(log_odds(high, low).clamp(min=0).square())


@given(st.lists(logs, min_size=2, max_size=6), logs)
def test_a_likelier_identifier_never_weighs_less(likely, of_index):
    weights = weight(torch.tensor(sorted(likely)), torch.full((len(likely),), of_index))
    assert (weights.diff() >= -1e-4).all()


def test_worked_by_hand():
    # p = 1/2, share = 1/5: logit 0 and log(1/4); their difference log 4, squared.
    found = weight(torch.tensor([0.5]).log(), torch.tensor([0.2]).log())
    assert found.item() == pytest.approx(math.log(4) ** 2, rel=1e-5)


@pytest.mark.parametrize(("tokens", "expected"), [(1e4, 36), (2.7e9, 341)])
def test_the_weight_grows_with_the_index(tokens, expected):
    share = log_share(torch.tensor([10]), tokens)
    assert weight(torch.tensor([-1.0]), share).item() == pytest.approx(expected, abs=1)


def test_a_sure_identifier_has_a_finite_weight_and_gradient():
    sure = torch.tensor([0.0, -1e-9], requires_grad=True)
    found = weight(sure, torch.tensor([-9.0, -9.0]))
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(sure.grad).all()


def test_only_the_log_probability_has_a_gradient():
    likely = torch.tensor([-1.0], requires_grad=True)
    weight(likely, log_share(torch.tensor([3]), 100)).backward()
    assert likely.grad.item() > 0


def test_other_shapes_are_refused():
    with pytest.raises(Exception, match="log_share"):
        weight(torch.zeros(3) - 1, torch.zeros(2) - 1)
