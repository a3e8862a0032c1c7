import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from models.encoders.token_states import EncodeStates, together

TEXTS = ["gold", "iron rusts", "the rhine rises", "gold", "iron rusts where rain falls"]


@pytest.fixture
def encoder(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu").eval()


@given(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8),
    st.integers(0, 8),
    st.sampled_from(["left", "right"]),
)
def test_vectors_and_states_are_those_of_the_model(encoder, texts, wanted, side):
    encoder.tokenizer.padding_side = side
    features = encoder.preprocess(texts)
    expected = encoder(dict(features))
    wanted = min(wanted, len(texts))
    vectors, states = EncodeStates(encoder)(dict(features), wanted)
    assert torch.allclose(vectors, expected["sentence_embedding"], atol=1e-6)
    if not wanted:
        assert states is None
        return
    mask = features["attention_mask"][:wanted, :, None].bool()
    assert torch.allclose(states * mask, expected["token_embeddings"][:wanted] * mask, atol=1e-5)


def test_each_distinct_text_is_encoded_once(encoder):
    seen = []
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0]["input_ids"])))
    EncodeStates(encoder)(dict(encoder.preprocess(TEXTS)), 2)
    assert seen == [4]


def test_columns_of_several_widths_are_put_under_one_another(encoder):
    columns = [dict(encoder.preprocess([text])) for text in TEXTS]
    joined, whole = together(columns), encoder.preprocess(TEXTS)
    assert torch.equal(joined["input_ids"], whole["input_ids"])
    assert torch.equal(joined["attention_mask"], whole["attention_mask"])
    assert joined["modality"] == "text"


def test_the_gradient_of_states_and_vectors_is_that_of_the_model(encoder):
    gradients = []
    features = encoder.preprocess(TEXTS)
    mask = features["attention_mask"][:3, :, None]
    for once in (False, True):
        encoder.zero_grad()
        if once:
            vectors, states = EncodeStates(encoder)(dict(features), 3)
        else:
            output = encoder(dict(features))
            vectors, states = output["sentence_embedding"], output["token_embeddings"][:3]
        ((states * mask) ** 3).sum().backward(retain_graph=True)
        (vectors * torch.arange(1.0, 6.0)[:, None]).sum().backward()
        gradients.append([each.grad.clone() for each in encoder.parameters() if each.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for expected, found in zip(*gradients, strict=True):
        assert torch.allclose(expected, found, atol=1e-3, rtol=1e-3)
