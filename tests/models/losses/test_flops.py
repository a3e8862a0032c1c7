import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers.sparse_encoder.losses import FlopsLoss
from torch import nn

from models.losses.flops import CountedFlops


def weights(seed, texts=4, vocab=6):
    drawn = torch.randn(texts, vocab, generator=torch.Generator().manual_seed(seed))
    return drawn.relu()


@given(st.integers(0, 30), st.floats(0.1, 10))
def test_a_factor_on_the_weights_is_squared(seed, factor):
    flops = CountedFlops(nn.Identity())
    once = flops.compute_loss_from_embeddings(weights(seed)).item()
    assert flops.compute_loss_from_embeddings(factor * weights(seed)).item() == pytest.approx(
        factor**2 * once, rel=1e-4
    )


@given(st.integers(0, 30))
def test_it_is_the_flops_of_the_library(seed):
    theirs = FlopsLoss(nn.Identity()).compute_loss_from_embeddings(weights(seed))
    assert torch.equal(CountedFlops(nn.Identity()).compute_loss_from_embeddings(weights(seed)), theirs)


def test_flops_worked_by_hand():
    # means over the texts: 4/2 = 2, 2/2 = 1, 0; squares 4 + 1 + 0 = 5. Terms above 0: 2 and 1, mean 1.5
    flops = CountedFlops(nn.Identity())
    assert flops.compute_loss_from_embeddings(torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]])).item() == 5
    assert (flops.terms, flops.flops) == (1.5, 5)


def test_it_presses_on_terms_that_texts_share():
    # both have two terms of weight 1; shared: 1² + 1² = 2, each its own: 4 · (½)² = 1
    shared = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    own = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    found = [CountedFlops(nn.Identity()).compute_loss_from_embeddings(each).item() for each in (shared, own)]
    assert found == [2, 1]
