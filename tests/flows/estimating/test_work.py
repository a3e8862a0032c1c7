from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.config import config_path, load
from flows.estimating.collection_size import KNOWN
from flows.estimating.work import SORTS, pair_tokens, visited_vectors, works
from models.retrievers.faiss_index import FlatConfig, HnswConfig, IvfConfig

NQ = KNOWN["nq"]
CONFIG = load(config_path("nq"))


def amount(size, stage, of="", sort="reading", config=CONFIG):
    return sum(
        work.amount for work in works(config, size) if (work.stage, work.of, work.sort) == (stage, of, sort)
    )


@given(passages=st.integers(300_000, 10**8))
def test_twice_the_passages_take_twice_the_embedding(passages):
    once, twice = (amount(replace(NQ, passages=n), "embed_passages") for n in (passages, 2 * passages))
    assert twice == pytest.approx(2 * once)


@given(queries=st.integers(0, 10**6))
def test_no_work_shrinks_when_queries_are_added(queries):
    fewer, more = (works(CONFIG, replace(NQ, learned_queries=n)) for n in (queries, queries + 1))
    assert all(one.amount <= other.amount for one, other in zip(fewer, more, strict=True))


def test_scoring_worked_by_hand():
    # 999 questions, 1 generated: 1000 · 2 · 100 pairs of 9.2·1.1 + 78.9·1.3 + 3 = 115.69 tokens.
    config = load(config_path("nq"), ["generate.max_passages=1"])
    tokens = 9.2 * 1.1 + 78.9 * 1.3 + 3
    flops = 200_000 * tokens * 6 * (2 * 1_769_472 + 4 * tokens * 384)
    found = amount(replace(NQ, learned_queries=999), "score_candidates", "ms-marco-minilm", config=config)
    assert found == pytest.approx(flops)


def test_a_training_takes_three_times_what_is_read():
    size = replace(NQ, learned_queries=100)
    config = load(config_path("nq"), ["generate.max_passages=1", "students.kl.lists.generated_share=0.0"])
    # DistilBERT, 100 lists of 8 passages of 104.57 tokens and a query of 12.12
    long, short = 78.9 * 1.3 + 2, 9.2 * 1.1 + 2
    layer = 2 * (4 * 768**2 + 2 * 768 * 3072)
    read = 8 * long * 6 * (layer + 4 * long * 768) + short * 6 * (layer + 4 * short * 768)
    assert amount(size, "train_student", "kl/0", "training", config) == pytest.approx(3 * 100 * read)


def test_long_texts_are_cut():
    long = replace(NQ, passage_words=10_000)
    assert pair_tokens(CONFIG.teachers[0], long) == 256


def test_an_index_that_looks_at_less_is_visited_less():
    assert visited_vectors(FlatConfig(), 1000) == 1000
    # 4 · √1,000,000 = 4000 centroids, and 32 of 4000 lists of the million
    assert visited_vectors(IvfConfig(), 1_000_000) == 4000 + 8000
    assert visited_vectors(HnswConfig(), 1_000_000) == 256 * 32


def test_every_sort_of_work_is_met_in_natural_questions():
    assert {work.sort for work in works(CONFIG, NQ)} == set(SORTS)


def test_every_kind_of_student_and_teacher_has_its_work():
    config = load(config_path("sample"))
    found = {(work.stage, work.of) for work in works(config, NQ)}
    wanted = {("train_student", f"{each.name}/{seed}") for each in config.students for seed in config.seeds}
    assert wanted <= found
    assert {("train_teacher", "ranker"), ("score_candidates", "minilm")} <= found
    assert ("score_candidates", "lexical") not in found
