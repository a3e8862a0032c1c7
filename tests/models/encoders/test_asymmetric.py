import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from models.encoders.asymmetric import TwoTowers, inherited, joined, parted
from models.encoders.text_encoder import Form, TextEncoder
from models.encoders.tower import tower

TEXTS = ["gold is a yellow metal that never rusts", "bach lived in leipzig"]


@pytest.fixture
def towers(tiny_backbone):
    large = SentenceTransformer(str(tiny_backbone), device="cpu")
    small = tower(large, (0,), "cosine", query_max_tokens=5, passage_max_tokens=9)
    return TwoTowers(TextEncoder(small, query=Form("iron ", 5)), TextEncoder(large, passage=Form("gold ", 7)))


def test_a_query_takes_one_tower_and_a_passage_the_other(towers):
    assert np.array_equal(towers.encode_queries(TEXTS), towers.queries.encode_queries(TEXTS))
    assert np.array_equal(towers.encode_passages(TEXTS), towers.passages.encode_passages(TEXTS))
    assert towers.parameters == towers.queries.parameters < towers.passages.parameters
    assert towers.width == 32


def test_the_folder_of_both_encodes_in_the_library_as_they_do(towers, tmp_path):
    joined(towers).save(str(tmp_path / "both"), create_model_card=False)
    opened = SentenceTransformer(str(tmp_path / "both"), device="cpu", local_files_only=True)
    assert opened.encode_query(TEXTS) == pytest.approx(towers.encode_queries(TEXTS), abs=1e-6)
    assert opened.encode_document(TEXTS) == pytest.approx(towers.encode_passages(TEXTS), abs=1e-6)
    assert opened.similarity_fn_name == "cosine"
    small, large = parted(opened)
    again = inherited(large, "float32")
    assert again.passage == Form("gold ", 7)
    assert again.encode_passages(TEXTS) == pytest.approx(towers.encode_passages(TEXTS), abs=1e-6)
    assert TextEncoder(small, query=Form("iron ", 5)).encode_queries(TEXTS) == pytest.approx(
        towers.encode_queries(TEXTS), abs=1e-6
    )


def test_queries_and_passages_run_fast(towers):
    facts = towers.facts()
    assert facts["engine"] == facts["passages_engine"] == "packed"
    towers.work_as(facts | {"attention": "eager", "passages_attention": "sdpa"})
    found = towers.facts()
    assert (found["attention"], found["passages_attention"]) == ("eager", "sdpa")


def test_one_encoder_of_both_has_its_facts_once(tiny_backbone):
    encoder = TextEncoder(SentenceTransformer(str(tiny_backbone), device="cpu"))
    assert TwoTowers(encoder, encoder).facts() == encoder.facts()
