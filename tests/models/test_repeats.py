import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from models import repeats
from models.repeats import EncodeOnce, KeepTexts, TokenizeOnce

TEXTS = ["gold is yellow", "iron rusts", "gold is yellow", "iron rusts", "gold is yellow"]
SOME_TEXTS = st.lists(
    st.sampled_from(["gold", "iron rusts", "the rhine rises", "bach"]), min_size=1, max_size=8
)


@pytest.fixture
def encoder(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu").eval()


@given(st.lists(SOME_TEXTS, min_size=1, max_size=4), st.sampled_from([None, "query: "]))
def test_tokenizing_once_gives_what_the_library_gives(encoder, columns, prompt):
    tokenize = TokenizeOnce(encoder.preprocess, encoder.tokenizer)
    for texts in columns:
        expected = encoder.preprocess(texts, prompt=prompt, task="query")
        found = tokenize(texts, prompt=prompt, task="query")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            equal = (
                torch.equal(found[name], value) if isinstance(value, torch.Tensor) else found[name] == value
            )
            assert equal, name


def test_tokenizing_once_tokenizes_once_until_memory_is_full(encoder, monkeypatch):
    seen = []

    def preprocess(texts, **options):
        seen.extend(texts)
        return encoder.preprocess(texts, **options)

    monkeypatch.setattr(repeats, "REMEMBERED_TEXTS", 2)
    tokenize = TokenizeOnce(preprocess, encoder.tokenizer)
    for texts in (["gold", "iron"], ["iron", "gold", "gold"], ["bach", "gold"], ["gold"], ["iron"]):
        tokenize(texts, prompt=None)
    assert seen == ["gold", "iron", "bach", "iron"]  # iron was the longest unused when bach came
    tokenize(["iron"], prompt="query: ")
    assert seen[-1:] == ["iron"]
    assert len(seen) == 5  # the prompt is part of what was tokenised


def test_padding_may_be_on_the_left(encoder):
    encoder.tokenizer.padding_side = "left"
    texts = ["gold", "iron rusts where rain falls"]
    tokenize = TokenizeOnce(encoder.preprocess, encoder.tokenizer)
    tokenize(texts[:1])
    assert torch.equal(tokenize(texts)["input_ids"], encoder.preprocess(texts)["input_ids"])


@given(st.lists(st.sampled_from(["gold", "iron rusts", "the rhine rises", "bach"]), min_size=1, max_size=8))
def test_encoding_once_gives_every_copy_the_vector_of_the_model(encoder, texts):
    features = encoder.preprocess(texts)
    expected = encoder(dict(features))["sentence_embedding"]
    assert torch.allclose(EncodeOnce(encoder)(dict(features))["sentence_embedding"], expected, atol=1e-6)


def test_texts_of_like_length_are_encoded_together_without_padding(encoder, monkeypatch):
    monkeypatch.setattr(repeats, "LIKE_LENGTHS", 2)
    texts = ["gold is a yellow metal", "gold", "iron rusts where rain falls", "iron"]
    shapes = []
    encoder.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0]["input_ids"].shape)))
    features = encoder.preprocess(texts)
    EncodeOnce(encoder)(dict(features))
    lengths = sorted(features["attention_mask"].sum(dim=1).tolist())
    assert shapes == [(2, lengths[1]), (2, lengths[3])]


def test_encoding_once_encodes_once(encoder):
    seen = []
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0]["input_ids"])))
    EncodeOnce(encoder)(dict(encoder.preprocess(TEXTS)))
    assert seen == [2]


def test_encoding_once_gives_the_gradient_of_the_model(encoder):
    gradients = []
    for model in (encoder, EncodeOnce(encoder)):
        encoder.zero_grad()
        weights = torch.arange(1.0, 6.0)[:, None]  # copies do not weigh the same
        vectors = model(dict(encoder.preprocess(TEXTS)))["sentence_embedding"]
        (weights * vectors * vectors.detach().roll(1, 0)).sum().backward()
        gradients.append([each.grad.clone() for each in encoder.parameters() if each.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for expected, found in zip(*gradients, strict=True):
        assert torch.allclose(expected, found, atol=1e-5)


def test_texts_go_with_their_tokens_and_change_none(encoder):
    plain = TokenizeOnce(encoder.preprocess, encoder.tokenizer)
    found = KeepTexts(plain)(TEXTS, prompt=None, task="query")
    assert found.pop("texts") == TEXTS
    expected = plain(TEXTS, prompt=None, task="query")
    assert found.keys() == expected.keys()
    assert torch.equal(found["input_ids"], expected["input_ids"])
