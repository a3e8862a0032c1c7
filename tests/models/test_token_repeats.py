import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import token_repeats
from models.encoders.token_model import start_token_model
from models.repeats import TokenizeOnce
from models.token_repeats import EncodeTokensOnce, pick

TEXTS = ["gold is yellow.", "iron rusts", "gold is yellow.", "bach", "iron rusts"]
SOME_TEXTS = st.lists(
    st.sampled_from(["gold", "iron rusts.", "the rhine rises", "bach lived . in leipzig"]),
    min_size=1,
    max_size=8,
)


@pytest.fixture
def model(tiny_backbone):
    made = start_token_model(
        tiny_backbone, None, 8, query_max_tokens=6, passage_max_tokens=20, skip_punctuation=True
    )
    return made.eval()


@given(st.lists(SOME_TEXTS, min_size=1, max_size=4), st.sampled_from(["query", "document"]))
def test_tokenizing_once_gives_what_the_library_gives(model, columns, task):
    tokenize = TokenizeOnce(model.preprocess, model.tokenizer)
    for texts in columns:
        expected = model.preprocess(texts, prompt=None, task=task)
        found = tokenize(texts, prompt=None, task=task)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            equal = (
                torch.equal(found[name], value) if isinstance(value, torch.Tensor) else found[name] == value
            )
            assert equal, name


def test_a_query_and_a_passage_of_one_text_are_remembered_apart(model):
    tokenize = TokenizeOnce(model.preprocess, model.tokenizer)
    mask = model.tokenizer.mask_token_id
    counts = [
        int((tokenize(["gold"], task=task)["input_ids"] == mask).sum())
        for task in ("document", "query", "document")
    ]
    assert counts == [0, 3, 0]  # six tokens less [CLS], gold and [SEP]


@given(SOME_TEXTS, st.sampled_from(["query", "document"]), st.sampled_from([2, 32]))
def test_every_copy_gets_the_vectors_and_the_mask_of_the_model(model, texts, task, like):
    before, token_repeats.LIKE_LENGTHS = token_repeats.LIKE_LENGTHS, like
    try:
        found = EncodeTokensOnce(model)(dict(model.preprocess(texts, task=task)), task=task)
    finally:
        token_repeats.LIKE_LENGTHS = before
    expected = model(dict(model.preprocess(texts, task=task)), task=task)
    scored = expected["attention_mask"].bool()
    assert torch.equal(found["attention_mask"], scored[:, : found["attention_mask"].shape[1]])
    assert torch.allclose(
        found["token_embeddings"][found["attention_mask"]], expected["token_embeddings"][scored], atol=1e-6
    )


def test_equal_texts_are_encoded_once(model):
    seen = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0]["input_ids"])))
    EncodeTokensOnce(model)(dict(model.preprocess(TEXTS, task="document")), task="document")
    assert sum(seen) == 3


def test_the_gradient_is_that_of_the_model(model):
    gradients = []
    for each in (model, EncodeTokensOnce(model)):
        model.zero_grad()
        output = each(dict(model.preprocess(TEXTS, task="document")), task="document")
        scored = output["attention_mask"].bool()
        weights = torch.arange(1.0, 6.0)[:, None, None].expand_as(output["token_embeddings"])[scored]
        vectors = output["token_embeddings"][scored]
        (weights * vectors * vectors.detach().roll(1, 0)).sum().backward()
        gradients.append([each.grad.clone() for each in model.parameters() if each.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for expected, found in zip(*gradients, strict=True):
        assert torch.allclose(expected, found, atol=1e-5)


def test_what_is_encoded_is_recorded_inside_and_not_outside(model):
    encode = EncodeTokensOnce(model)
    with encode.recording() as texts:
        encode(dict(model.preprocess(TEXTS, task="document")), task="document")
        encode(dict(model.preprocess(["gold"], task="query")), task="query")
    encode(dict(model.preprocess(["gold"], task="query")), task="query")
    assert [(each.task, len(each.vectors)) for each in texts] == [("document", 3), ("query", 1)]


def test_picked_texts_are_as_if_encoded_alone(model):
    encode = EncodeTokensOnce(model)
    with encode.recording() as texts:
        encode(dict(model.preprocess(["bach lived in leipzig", "gold"], task="document")), task="document")
    shortest = texts[0].is_scored.sum(dim=1).argmin()
    picked = pick(texts[0], shortest[None])
    alone = model(dict(model.preprocess(["gold"], task="document")), task="document")
    assert torch.allclose(picked.vectors, alone["token_embeddings"], atol=1e-6)
    assert torch.equal(picked.features["input_ids"], model.preprocess(["gold"], task="document")["input_ids"])
