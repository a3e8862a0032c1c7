import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from models.encoders.text_encoder import EncoderConfig, Form, TextEncoder
from models.texts import passage_texts


@pytest.fixture
def model(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu")


@pytest.fixture
def texts(tiny_collection):
    return passage_texts(tiny_collection["passages"])


@pytest.mark.reference
def test_vectors_are_those_of_the_library(tiny_backbone, model, texts):
    encoder = EncoderConfig(model=str(tiny_backbone), precision="float32").load()
    np.testing.assert_allclose(encoder.encode_passages(texts), model.encode(texts), atol=1e-5)
    assert (encoder.width, encoder.parameters) == (32, sum(p.numel() for p in model.parameters()))


def test_order_and_company_of_texts_do_not_matter(tiny_backbone, texts):
    encoder = EncoderConfig(model=str(tiny_backbone), precision="float32").load()
    together = encoder.encode_queries(texts)
    np.testing.assert_allclose(encoder.encode_queries(texts[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_queries(texts[3:4]), together[3:4], atol=1e-5)


def test_bfloat16_points_the_same_way(tiny_backbone, texts):
    exact, fast = (
        EncoderConfig(model=str(tiny_backbone), precision=precision).load().encode_passages(texts)
        for precision in ("float32", "bfloat16")
    )
    assert fast.dtype == np.float32
    assert (exact * fast).sum(axis=1).min() > 0.995  # cosines, for the model normalises


def test_each_side_has_its_own_prompt_and_length(model):
    encoder = TextEncoder(model, query=Form("barges ", 8), passage=Form("", 4))
    np.testing.assert_allclose(
        encoder.encode_queries(["carry coal"]), model.encode(["barges carry coal"]), atol=1e-5
    )
    # [CLS] the rhine [SEP]: what is behind is cut.
    np.testing.assert_allclose(
        encoder.encode_passages(["the rhine rises in the swiss alps"]), model.encode(["the rhine"]), atol=1e-5
    )


def test_no_texts_are_no_vectors(model):
    assert TextEncoder(model).encode_queries([]).shape == (0, 32)


def test_layers_are_cut_before_anything_is_encoded(tiny_backbone, texts):
    whole, cut = (
        EncoderConfig(model=str(tiny_backbone), precision="float32", layers=layers).load()
        for layers in (None, (0,))
    )
    assert cut.parameters < whole.parameters
    assert abs(cut.encode_queries(texts) - whole.encode_queries(texts)).max() > 1e-3
