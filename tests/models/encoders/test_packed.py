import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel

from models.encoders.packed import ATTENTIONS, PackedBert

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
