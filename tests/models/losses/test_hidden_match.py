import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.hidden_match import hidden_match


def states(seed, width=8):
    return torch.randn(2, 3, width, generator=torch.Generator().manual_seed(seed))


EVERY = torch.ones(2, 3, dtype=torch.bool)


@given(st.integers(0, 30), st.floats(1, 4), st.floats(-5, 5))
def test_neither_size_nor_mean_of_a_state_matters(seed, factor, constant):
    own, theirs = states(seed), states(seed + 100)
    moved = hidden_match(factor * own + constant, theirs / factor - constant, EVERY).item()
    assert moved == pytest.approx(hidden_match(own, theirs, EVERY).item(), abs=1e-2)


@given(st.integers(0, 30))
def test_it_is_two_less_twice_the_correlation(seed):
    own, theirs = states(seed), states(seed + 100)
    pairs = zip(own.reshape(6, -1), theirs.reshape(6, -1), strict=True)
    correlations = [torch.corrcoef(torch.stack(pair))[0, 1].item() for pair in pairs]
    expected = 2 - 2 * sum(correlations) / 6
    assert hidden_match(own, theirs, EVERY).item() == pytest.approx(expected, abs=1e-3)


def test_worked_by_hand():
    # (1, 3) and (2, 6) both become (-1, 1): 0. (1, 3) and (3, 1) become (-1, 1) and (1, -1): (4 + 4) / 2 = 4.
    # The third is no word. Mean of the two: 2.
    own = torch.tensor([[[1.0, 3.0], [1.0, 3.0], [7.0, 8.0]]])
    theirs = torch.tensor([[[2.0, 6.0], [3.0, 1.0], [8.0, 7.0]]])
    found = hidden_match(own, theirs, torch.tensor([[True, True, False]])).item()
    assert found == pytest.approx(2, abs=1e-3)


def test_equal_states_have_no_loss_and_no_words_neither():
    assert hidden_match(states(0), states(0), EVERY).item() == pytest.approx(0, abs=1e-9)
    assert hidden_match(states(0), states(1), ~EVERY).item() == 0


def test_the_gradient_reaches_the_student_and_not_the_ranker():
    own, theirs = states(0).requires_grad_(), states(1).requires_grad_()
    hidden_match(own, theirs, EVERY).backward()
    assert own.grad.any()
    assert theirs.grad is None


def test_another_width_is_refused_since_it_needs_a_projection():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        hidden_match(states(0), states(0, width=4), EVERY)
