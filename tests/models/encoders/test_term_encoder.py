import numpy as np
import pytest

from models.encoders import term_encoder
from models.encoders.term_encoder import TermEncoder
from models.encoders.term_head import start_term_model
from models.encoders.term_threshold import begin


@pytest.fixture(scope="module")
def texts(tiny_collection):
    return tiny_collection["passages"]["text"].to_pylist()


@pytest.fixture(scope="module")
def encoder(tiny_backbone, texts):
    model, _ = start_term_model(tiny_backbone, None, query_max_tokens=5, passage_max_tokens=32)
    made = TermEncoder(model, 5, 32)
    begin(made, texts, 12)
    return made


def test_rows_are_those_of_the_library_in_the_order_of_the_texts(encoder, texts, monkeypatch):
    monkeypatch.setattr(term_encoder, "BATCH_TOKENS", 24)
    monkeypatch.setattr(term_encoder, "WINDOW", 5)
    theirs = encoder.model.encode_document(texts, convert_to_sparse_tensor=False).numpy()
    assert np.allclose(encoder.encode_passages(texts).toarray(), theirs, atol=1e-5)
    assert 0 < encoder.encode_passages(texts).nnz < theirs.size


def test_queries_are_cut_at_their_own_length(encoder):
    # [CLS], three words, [SEP]
    long, cut = (
        encoder.encode_queries([text]).toarray() for text in ("gold never rusts in wars", "gold never rusts")
    )
    assert np.allclose(long, cut, atol=1e-6)


def test_no_text_gives_no_row(encoder):
    assert encoder.encode_passages([]).shape == (0, encoder.vocabulary)


def test_terms_of_a_passage_are_its_weights_the_heaviest_first(encoder, texts):
    found = encoder.terms_of(texts[0])
    weights = [weight for _, weight in found]
    assert weights == sorted(weights, reverse=True)
    assert sorted(weights) == sorted(encoder.encode_passages(texts[:1]).data.tolist())
    ids = encoder.model.tokenizer.convert_tokens_to_ids([term for term, _ in found])
    assert sorted(ids) == sorted(encoder.encode_passages(texts[:1]).indices.tolist())


def test_bfloat16_changes_weights_by_little(encoder, texts):
    low = TermEncoder(encoder.model, 5, 32, "bfloat16").encode_passages(texts).toarray()
    assert np.abs(low - encoder.encode_passages(texts).toarray()).max() < 0.1
