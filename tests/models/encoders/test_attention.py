import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from models.encoders.attention import NAME, attend, fast_attention

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture
def bert():
    torch.manual_seed(0)
    return BertModel(BertConfig(vocab_size=50, **SIZES), add_pooling_layer=False).eval()


@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_a_model_gives_the_same_vectors_and_gradients(bert, lengths, seed):
    tokens = torch.randint(0, 50, (len(lengths), max(lengths)), generator=torch.manual_seed(seed))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()

    def look():
        bert.zero_grad()
        hidden = bert(input_ids=tokens, attention_mask=mask).last_hidden_state[mask.bool()]
        hidden.square().sum().backward()
        return [hidden, *(each.grad for each in bert.parameters() if each.grad is not None)]

    bert.set_attn_implementation("eager")
    expected = look()
    with fast_attention(bert):
        assert bert.config._attn_implementation == NAME
        found = look()
    assert bert.config._attn_implementation == "eager"
    assert len(found) == len(expected) > 10
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_it_is_the_equation():
    # One head of width 4: scores q·k/2 are 0 and ln 3, so that the weights are 1/4 and 3/4.
    query = torch.tensor([2.0, 0, 0, 0]).view(1, 1, 1, 4)
    key = torch.tensor([[0.0, 0, 0, 0], [1.0986123, 0, 0, 0]]).view(1, 1, 2, 4)
    value = torch.tensor([[4.0, 0, 0, 0], [0, 4.0, 0, 0]]).view(1, 1, 2, 4)
    found, weights = attend(nn.Identity(), query, key, value, None)
    assert torch.allclose(weights.flatten(), torch.tensor([0.25, 0.75]))
    assert torch.allclose(found.flatten(), torch.tensor([1.0, 3.0, 0, 0]))


def test_under_autocast_it_stays_in_the_precision_of_its_inputs():
    inputs = [torch.randn(1, 2, 5, 8, dtype=torch.bfloat16) for _ in range(3)]
    mask = torch.zeros(1, 1, 1, 5)
    mask[..., 3:] = torch.finfo(torch.float32).min
    with torch.autocast("cpu", torch.bfloat16):
        found, weights = attend(nn.Identity(), *inputs, mask)
    assert found.dtype == weights.dtype == torch.bfloat16
    assert found.isfinite().all()
    assert (weights[..., 3:] == 0).all()


def test_an_architecture_that_adds_to_its_scores_keeps_its_own_attention():
    model = MPNetModel(MPNetConfig(vocab_size=50, **SIZES), add_pooling_layer=False)
    with fast_attention(model):
        assert model.config._attn_implementation == "eager"
