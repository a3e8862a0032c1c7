from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.config import config_path, load
from flows.estimating.collection_size import KNOWN
from flows.estimating.memory import (
    POSTING_BYTES,
    gpu_bytes,
    index_bytes,
    peaks,
    text_bytes,
    training_bytes,
    vector_bytes,
)
from models.retrievers.bm25 import Bm25Config
from models.retrievers.dense import DenseConfig
from models.retrievers.faiss_index import HnswConfig

NQ = KNOWN["nq"]
CONFIG = load(config_path("nq"))


def peak(stage, size=NQ, config=CONFIG):
    return next(each.peak_bytes for each in peaks(config, size) if each.stage == stage)


@given(passages=st.integers(1, 10**8))
def test_indices_grow_linearly_with_passages(passages):
    once, twice = (replace(NQ, passages=n) for n in (passages, 2 * passages))
    for retriever in (Bm25Config(), DenseConfig(), DenseConfig(index=HnswConfig())):
        assert index_bytes(retriever, twice).kept == pytest.approx(2 * index_bytes(retriever, once).kept)


@given(queries=st.integers(1, 10**6))
def test_embedding_and_clustering_do_not_grow_with_queries(queries):
    size = replace(NQ, learned_queries=queries)
    assert peak("embed_passages", size) == peak("embed_passages")
    assert peak("cluster_passages", size) == peak("cluster_passages")


def test_memory_of_a_thousand_passages_worked_by_hand():
    size = replace(NQ, passages=1000, passage_words=100.0)
    assert text_bytes(size) == 1000 * (2 * 620 + 57)
    assert vector_bytes(384, size) == 1000 * 384 * 4
    assert index_bytes(DenseConfig(), size).kept == 1_536_000
    # 1000 · 100 words: 60,000 postings of 12 bytes; building takes 28 more and 8 · 70,000 + 64 · 1000
    index = index_bytes(Bm25Config(), size)
    assert index.kept == pytest.approx(720_000)
    assert index.built == pytest.approx(60_000 * 28 + 560_000 + 64_000)


def test_a_posting_of_bm25s_is_as_large_as_said():
    from models.retrievers.bm25 import Bm25Retriever, make_tokenizer

    texts = [f"one{n % 7} two{n % 11} three{n % 13}" for n in range(3000)]
    tokenize = make_tokenizer("english", "none")
    index = Bm25Retriever(texts, library="bm25s", k1=1.5, b=0.75, tokenize=tokenize)
    assert index.index_bytes / (3 * len(texts)) == pytest.approx(POSTING_BYTES, rel=0.1)


def test_all_miners_are_held_at_once():
    one = load(config_path("nq"), ['mine.miners=[{kind="bm25"}]'])
    assert peak("mine_candidates") > peak("mine_candidates", config=one)


def test_every_kind_of_student_has_an_index_and_a_training():
    config = load(config_path("sample"))
    assert all(training_bytes(config, NQ, each) > 0 for each in config.students)
    # ColBERT keeps a vector of every token: more than any other.
    kept = {each.kind: peak("evaluate_student", config=_only(config, each)) for each in config.students}
    assert max(kept, key=kept.__getitem__) == "colbert"


def test_a_larger_batch_needs_a_larger_gpu():
    more = load(config_path("nq"), ["students.kl.training.batch_size=64"])
    assert gpu_bytes(more, NQ) > gpu_bytes(CONFIG, NQ) > 2e9


def _only(config, student):
    return config.model_copy(update={"students": (student,), "baselines": ()})
