import math

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.masked_language_model import Hiding, hide_tokens, masked_language_model

MASK, OTHERS = 4, torch.arange(5, 50)


def draws(seed):
    return torch.Generator().manual_seed(seed)


@given(seed=st.integers(0, 999), share=st.floats(0.01, 0.99), lengths=st.lists(st.integers(0, 9), min_size=1))
def test_only_what_may_be_hidden_is_and_what_is_not_chosen_stays(seed, share, lengths):
    tokens = torch.randint(5, 50, (len(lengths), 10), generator=draws(seed))
    # The first token is one that stands in every text, as [CLS]; the rest is padding.
    place = torch.arange(10)
    may = (place >= 1) & (place <= torch.tensor(lengths)[:, None])
    shown, chosen = hide_tokens(tokens, may, Hiding(share, MASK, OTHERS), draws(seed))
    assert not (chosen & ~may).any()
    assert torch.equal(shown[~chosen], tokens[~chosen])
    assert bool(chosen.any()) == bool(may.any())
    assert set(shown.unique().tolist()) <= {MASK, *range(5, 50)}


def test_of_fifteen_in_a_hundred_eight_tenths_are_masks_and_a_tenth_other_words():
    # 100,000 tokens, all the same word, which is none of the others: what is shown says what was done.
    tokens = torch.full((1000, 100), 1)
    shown, chosen = hide_tokens(tokens, tokens.bool(), Hiding(0.15, MASK, OTHERS), draws(0))
    shares = [(shown[chosen] == MASK), (shown[chosen] > MASK), (shown[chosen] == 1)]
    assert chosen.float().mean().item() == pytest.approx(0.15, abs=0.005)
    assert [each.float().mean().item() for each in shares] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    assert set(shown[shown > MASK].tolist()) == set(OTHERS.tolist())


def test_the_same_draws_hide_the_same():
    tokens = torch.randint(5, 50, (4, 10), generator=draws(1))
    found = [hide_tokens(tokens, tokens > 5, Hiding(0.5, MASK, OTHERS), draws(7)) for _ in range(2)]
    assert torch.equal(found[0][0], found[1][0])


def test_worked_by_hand():
    # odds 2:1:1 for token 0, and 1:1:6 for token 2: shares 1/2 and 3/4; (ln 2 + ln 4/3) / 2
    logits = torch.tensor([[2.0, 1.0, 1.0], [1.0, 1.0, 6.0]]).log()
    found = masked_language_model(logits, torch.tensor([0, 2]))
    assert found.item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.floats(-50, 50))
def test_a_constant_added_to_a_positions_logits_changes_nothing(tokens, constant):
    logits = torch.randn(len(tokens), 5, generator=draws(3))
    found = [masked_language_model(logits + each, torch.tensor(tokens)).item() for each in (0, constant)]
    assert found[1] == pytest.approx(found[0], abs=1e-4)


def test_it_is_least_where_every_token_is_certain():
    sure = torch.eye(3)[[2, 0]] * 100
    assert masked_language_model(sure, torch.tensor([2, 0])).item() == pytest.approx(0)


def test_nothing_hidden_is_no_loss_and_no_gradient():
    logits = torch.zeros(0, 5, requires_grad=True)
    loss = masked_language_model(logits, torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("tokens", [torch.tensor([1]), torch.tensor([1.0, 2.0]), torch.tensor([[1], [2]])])
def test_wrong_shapes_are_refused(tokens):
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation), match="tokens"):
        masked_language_model(torch.zeros(2, 5), tokens)
