import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.encoders.term_encoder import TermEncoder
from models.encoders.term_head import start_term_model
from models.encoders.term_threshold import begin, meet, threshold


@pytest.fixture
def encoder(tiny_backbone):
    model, _ = start_term_model(tiny_backbone, None, query_max_tokens=32, passage_max_tokens=32)
    return TermEncoder(model, 32, 32)


@pytest.fixture
def texts(tiny_collection):
    return tiny_collection["passages"]["text"].to_pylist()


@given(st.integers(0, 30), st.integers(1, 8))
def test_so_many_are_above_the_threshold(seed, terms):
    tops = torch.randn(6, 10, generator=torch.Generator().manual_seed(seed))
    found = (tops > threshold(tops, terms)).sum().item()
    assert found == 6 * terms


def test_a_head_begins_with_what_passages_do_not_share(encoder, texts):
    begin(encoder, texts, 8)
    assert encoder.encode_passages(texts).nnz / len(texts) == pytest.approx(8, abs=0.2)
    tops = torch.cat(list(encoder.highest(texts)))
    # centred: every term is as far below 0 on average
    assert tops.mean(dim=0).std() < 1e-3


@pytest.mark.parametrize("start", [4, 30])
def test_the_budget_is_met_from_below_and_from_above(encoder, texts, start):
    begin(encoder, texts, start)
    before, after = meet(encoder, texts, 10)
    assert before == pytest.approx(start, abs=0.2)
    assert after == pytest.approx(10, abs=0.2)
    assert encoder.encode_passages(texts).nnz / len(texts) == pytest.approx(10, abs=0.2)


def test_whoever_opens_the_model_gets_the_same_terms(encoder, texts, tmp_path):
    from sentence_transformers import SparseEncoder

    begin(encoder, texts, 12)
    meet(encoder, texts, 6)
    encoder.model.save(str(tmp_path / "model"), create_model_card=False)
    opened = SparseEncoder(str(tmp_path / "model"), device="cpu")
    rows = opened.encode_document(texts, convert_to_sparse_tensor=False)
    assert (rows > 0).sum().item() == encoder.encode_passages(texts).nnz
