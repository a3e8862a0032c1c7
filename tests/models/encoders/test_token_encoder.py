import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.encoders.packed import PackedBert
from models.encoders.token_encoder import TokenEncoder
from models.encoders.token_model import start_token_model

WORDS = ["gold", "is", "a", "yellow", "metal", ".", "iron", "rusts", "where", "it", "rains"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), min_size=1, max_size=9)


@pytest.fixture
def model(tiny_backbone):
    return start_token_model(
        tiny_backbone, None, 16, query_max_tokens=8, passage_max_tokens=12, skip_punctuation=True
    )


def expected(vectors):
    return [each.numpy() for each in vectors]


@given(TEXTS)
def test_passages_are_encoded_as_by_the_library_but_for_sixteen_bits(model, texts):
    encoder = TokenEncoder(model)
    found = encoder.encode_passages(texts)
    assert encoder.facts()["engine"] == "packed"
    assert found.vectors.dtype == np.float16
    for row, each in enumerate(expected(model.encode_document(texts))):
        assert found.text(row).shape == each.shape
        assert np.allclose(found.text(row), each, atol=1e-3)


@given(TEXTS)
def test_queries_are_encoded_as_by_the_library(model, texts):
    found = TokenEncoder(model).encode_queries(texts)
    assert found.vectors.dtype == np.float32
    for row, each in enumerate(expected(model.encode_query(texts))):
        assert found.text(row).shape == (8, 16)  # padded with [MASK] to eight tokens
        assert np.allclose(found.text(row), each, atol=1e-5)


def test_marks_of_punctuation_have_no_vector(model):
    encoder = TokenEncoder(model)
    # [CLS] gold rusts . [SEP] without the full stop
    assert len(encoder.encode_passages(["gold rusts ."]).text(0)) == 4


def test_texts_are_cut_where_the_model_says(model):
    assert len(TokenEncoder(model).encode_passages([" ".join(["gold"] * 40)]).text(0)) == 12


def test_equal_texts_have_equal_vectors_whatever_stands_beside_them(model):
    found = TokenEncoder(model, "bfloat16").encode_passages(["iron rusts", *WORDS, "iron rusts"])
    assert found.text(0).tolist() == found.text(len(WORDS) + 1).tolist()


def test_no_texts_have_no_vectors(model):
    found = TokenEncoder(model).encode_passages([])
    assert (len(found), found.vectors.shape) == (0, (0, 16))


def test_a_model_that_cannot_be_packed_is_run_padded(model, monkeypatch):
    monkeypatch.setattr(PackedBert, "__call__", lambda *_: torch.zeros(3, 3))
    encoder = TokenEncoder(model)
    assert encoder.facts()["engine"] == "padded"
    (each,) = expected(model.encode_document(["gold is a metal"]))
    assert np.allclose(encoder.encode_passages(["gold is a metal"]).text(0), each, atol=1e-3)


def test_encoding_leaves_the_model_in_training(model):
    model.train()
    TokenEncoder(model).encode_queries(["gold"])
    assert model.training


def test_sixteen_bits_change_little(model):
    exact, rough = (TokenEncoder(model, each).encode_passages(WORDS) for each in ("float32", "bfloat16"))
    assert np.abs(exact.vectors.astype(float) - rough.vectors).max() < 0.05
