import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel

from models.encoders.packed import ATTENTIONS, PackedBert, eager

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6).map(lambda found: sorted(found, reverse=True))


@pytest.fixture(scope="module")
def bert():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
    )
    return BertModel(config).eval()


def batch(lengths):
    torch.manual_seed(1)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.randint(1, 30, mask.shape) * mask, torch.randint(0, 2, mask.shape) * mask, mask


@pytest.mark.parametrize("attention", sorted(ATTENTIONS))
@given(lengths=LENGTHS)
@torch.inference_mode()
def test_packed_tokens_are_those_of_the_padded_forward_pass(bert, attention, lengths):
    ids, types, mask = batch(lengths)
    packed = PackedBert(bert, torch.float32)
    packed.attention = attention
    expected = bert(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(packed(ids, types, mask), expected[mask.bool()], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(packed.first(ids, types, mask), expected[:, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shift", [0.0, 70.0, -70.0], ids=["small", "large", "far below zero"])
@torch.inference_mode()
def test_eager_attention_is_softmax_however_large_the_scores_are(shift):
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 4, 5, 8, generator=generator)
    # A last dimension of 1 in every key adds the query's last value, the shift, to every score.
    query[..., -1], key[..., -1] = shift, 1.0
    expected = torch.softmax(query @ key.transpose(1, 2), -1) @ value
    torch.testing.assert_close(eager(query, key, value), expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_attention_in_slices_changes_nothing_but_rounding(bert, monkeypatch):
    inputs = batch([7, 7, 7, 4, 4])
    packed = PackedBert(bert)
    whole = packed(*inputs)
    monkeypatch.setattr("models.encoders.packed.WEIGHTS", 1)
    torch.testing.assert_close(packed(*inputs), whole, atol=1e-5, rtol=1e-4)
