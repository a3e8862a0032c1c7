import math

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from models.losses.simcse import simcse


def vectors(seed, texts=4, dim=6):
    return torch.randn(texts, dim, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 99), st.floats(0.1, 10), st.permutations(range(4)))
def test_lengths_of_vectors_and_order_of_texts_do_not_matter(seed, length, order):
    first, second = vectors(seed), vectors(seed + 100)
    expected = simcse(first, second, 0.05).item()
    assert simcse(first * length, second, 0.05).item() == pytest.approx(expected, rel=1e-4)
    assert simcse(first[order], second[order], 0.05).item() == pytest.approx(expected, rel=1e-4)


def test_worked_by_hand():
    # cosines of (1,0) with (1,0) and (0,2): 1 and 0; of (0,3) with them: 0 and 1. At temperature 1/ln 2 they
    # are odds 2:1 and 1:2, both right answers with a share of 2/3.
    first, second = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert simcse(first, second, 1 / math.log(2)).item() == pytest.approx(math.log(3 / 2))
    # The second text's vectors swapped with the first's: shares of 1/3.
    assert simcse(first, second.flip(0), 1 / math.log(2)).item() == pytest.approx(math.log(3))


@given(st.integers(0, 99))
def test_texts_that_are_all_alike_are_told_apart_by_chance(seed):
    same = vectors(seed, texts=1).expand(5, -1)
    assert simcse(same, same, 0.05).item() == pytest.approx(math.log(5), abs=1e-4)


def test_one_text_has_nothing_to_be_told_from():
    assert simcse(vectors(0, texts=1), vectors(1, texts=1), 0.05).item() == 0


def test_the_gradient_reaches_both_passes_and_pulls_a_text_to_itself():
    first, second = vectors(0).requires_grad_(), vectors(1).requires_grad_()
    before = simcse(first, second, 0.5)
    before.backward()
    with torch.no_grad():
        after = simcse(first - 0.1 * first.grad, second - 0.1 * second.grad, 0.5)
    assert after < before


def test_wrong_shapes_are_refused():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation), match="second"):
        simcse(vectors(0), vectors(1, texts=3), 0.05)
