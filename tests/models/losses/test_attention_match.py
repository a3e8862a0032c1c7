import math

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.attention_match import attention_match, ranker_block, retriever_block


def attention(seed, pairs=2, tokens=12, sharpness=3.0):
    """Rows after softmax, as a ranker's last layer gives them."""
    drawn = torch.randn(pairs, tokens, tokens, generator=torch.Generator().manual_seed(seed))
    return (sharpness * drawn).softmax(dim=-1)


def masks(seed, pairs=2, tokens=12):
    """Some tokens are the query's, some the passage's, some nobody's."""
    drawn = torch.rand(pairs, tokens, generator=torch.Generator().manual_seed(seed))
    return drawn < 0.3, drawn > 0.5


def entropy(rows):
    return -(rows * rows.clamp_min(1e-12).log()).sum(dim=-1)


@given(st.integers(0, 50))
def test_rows_of_a_block_are_shares_among_its_keys(seed):
    rows, keys = masks(seed)
    block = ranker_block(attention(seed), rows, keys)
    sums = block.sum(dim=-1)
    expected = (rows & keys.any(dim=1, keepdim=True)).float()
    assert torch.allclose(sums, expected, atol=1e-5)
    assert not block[~(rows[:, :, None] & keys[:, None, :])].any()


@given(st.integers(0, 50), st.floats(0.1, 10))
def test_a_block_keeps_the_ratios_of_attention(seed, factor):
    rows, keys = masks(seed)
    given_ = attention(seed)
    # Whatever share went to other tokens, such as [SEP], does not matter.
    assert torch.allclose(
        ranker_block(factor * given_, rows, keys), ranker_block(given_, rows, keys), atol=1e-5
    )


def test_softmax_is_not_applied_twice():
    """The trap: a softmax of shares is almost uniform, and a student that matched it would learn nothing."""
    rows = torch.tensor([[True] + [False] * 20])
    keys = ~rows
    block = ranker_block(attention(0, pairs=1, tokens=21), rows, keys)[0, 0, 1:]
    twice = attention(0, pairs=1, tokens=21)[0, 0, 1:].softmax(dim=-1)
    uniform = math.log(20)
    assert entropy(twice).item() > 0.99 * uniform
    assert entropy(block).item() < 0.75 * uniform
    # The retriever that attends as the ranker does has no loss only with the first as its target.
    target = block[None, None]
    assert attention_match(target, target, torch.tensor([[True]])).item() == 0


def test_the_virtual_attention_is_scaled_by_the_width():
    """The other trap: products of wide states are large, and their softmax would be one-hot."""
    states = torch.randn(1, 20, 768, generator=torch.Generator().manual_seed(0))
    every = torch.ones(1, 20, dtype=torch.bool)
    scaled = retriever_block(states[:, :1], states[:, 1:], every[:, :1], every[:, 1:])
    unscaled = (states[:, :1] @ states[:, 1:].transpose(1, 2)).softmax(dim=-1)
    assert entropy(scaled).item() > 0.7 * math.log(19)
    assert entropy(unscaled).item() < 0.2 * math.log(19)


def test_virtual_attention_worked_by_hand():
    # width 4, so products are halved: 2·ln3/2 = ln 3 against 0: shares 3/4 and 1/4; the third key is masked
    looking = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
    keys = torch.tensor([[[2 * math.log(3), 1, 1, 1], [0.0, 5, 5, 5], [99.0, 0, 0, 0]]])
    found = retriever_block(looking, keys, torch.tensor([[True]]), torch.tensor([[True, True, False]]))
    assert found[0, 0].tolist() == pytest.approx([0.75, 0.25, 0.0])


def test_masked_rows_and_pairs_without_keys_are_zero_and_finite():
    states = torch.randn(2, 3, 4)
    rows = torch.tensor([[True, False, True], [True, True, True]])
    keys = torch.tensor([[True, True, False], [False, False, False]])
    found = retriever_block(states, states, rows, keys)
    assert found.sum(dim=-1).tolist() == [pytest.approx([1, 0, 1]), [0, 0, 0]]


def test_match_worked_by_hand():
    # rows: (.75-.5)² + (.25-.5)² = .125 and (1-0)² + (0-1)² = 2; a third row is none. Mean of two: 1.0625
    own = torch.tensor([[[0.75, 0.25], [1.0, 0.0], [9.0, 9.0]]])
    theirs = torch.tensor([[[0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]])
    assert attention_match(own, theirs, torch.tensor([[True, True, False]])).item() == pytest.approx(1.0625)


@given(st.integers(0, 20), st.permutations(range(12)))
def test_match_does_not_depend_on_the_order_of_keys(seed, order):
    own, theirs, rows = attention(seed), attention(seed + 100), torch.ones(2, 12, dtype=torch.bool)
    moved = attention_match(own[:, :, order], theirs[:, :, order], rows)
    assert moved.item() == pytest.approx(attention_match(own, theirs, rows).item(), rel=1e-4)


def test_no_row_is_no_loss():
    assert attention_match(attention(0), attention(1), torch.zeros(2, 12, dtype=torch.bool)).item() == 0


def test_the_gradient_reaches_the_student_and_not_the_ranker():
    looking, keys = (torch.randn(1, 3, 4, requires_grad=True) for _ in range(2))
    theirs = attention(0, pairs=1, tokens=3).requires_grad_()
    every = torch.ones(1, 3, dtype=torch.bool)
    attention_match(retriever_block(looking, keys, every, every), theirs, every).backward()
    assert looking.grad.any()
    assert keys.grad.any()
    assert theirs.grad is None


def test_wrong_shapes_are_refused():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        attention_match(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        ranker_block(attention(0), *masks(0, tokens=5))
