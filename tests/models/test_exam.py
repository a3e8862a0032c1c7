from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data import tables
from data.errors import ConfigError
from data.schemas import CANDIDATES, METRICS, QRELS, RUN
from data.tables import from_rows
from models.exam import Paper, known, mark, mined, reorder, retained, set_exam, sit
from models.known_pairs import Knowledge
from models.retriever import top_hits


def words(text):
    return set(text.lower().replace(".", "").split())


class WordOverlap:
    """Scores by the number of shared words; as a retriever and as a teacher."""

    index_bytes, parameters = 12, 34

    def __init__(self, queries, passages):
        self.queries, self.passages = [words(text) for text in queries], [words(text) for text in passages]

    def encode(self, queries):
        return [words(text) for text in queries]

    def search(self, encoded, depth):
        scores = np.float32([[len(query & passage) for passage in self.passages] for query in encoded])
        return top_hits(scores, np.broadcast_to(np.arange(len(self.passages)), scores.shape), depth)

    def score(self, query_rows, passage_rows):
        pairs = zip(query_rows, passage_rows, strict=True)
        return np.float32([len(self.queries[query] & self.passages[passage]) for query, passage in pairs])

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


@pytest.fixture
def exam(tiny_collection):
    tables_of = (tiny_collection[name] for name in ("passages", "queries", "qrels"))
    return set_exam(*tables_of, "test")


def run_of(*rows):
    return from_rows([(qid, pid, rank, -float(rank)) for qid, pid, rank in rows], RUN)


def test_an_exam_is_the_judged_queries_of_its_split(exam):
    assert exam.qids == ["q07", "q08", "q09"]
    assert exam.texts[1] == "where was mozart born"
    assert set(exam.qrels["qid"].to_pylist()) == {"q07", "q08", "q09"}
    assert len(exam.pids) == 12


def test_a_query_of_the_split_without_judgement_is_not_asked(tiny_collection):
    fewer = tiny_collection["qrels"].filter(pc.not_equal(tiny_collection["qrels"]["qid"], "q08"))
    found = set_exam(tiny_collection["passages"], tiny_collection["queries"], fewer, "test")
    assert found.qids == ["q07", "q09"]


def test_a_split_without_judgements_is_refused_with_those_that_have_some(tiny_collection):
    judged = tiny_collection["qrels"].slice(0, 5)
    with pytest.raises(
        ConfigError,
        match=r"evaluate.split = 'test': found no judged query in this split, but 1 in dev, 4 in train; .* "
        r"Set evaluate.split",
    ):
        set_exam(tiny_collection["passages"], tiny_collection["queries"], judged, "test")
    with pytest.raises(ConfigError, match="but none in any other either"):
        set_exam(tiny_collection["passages"], tiny_collection["queries"], QRELS.columns.empty_table(), "test")


def test_a_retriever_is_searched_and_timed(exam):
    paper = sit(exam, WordOverlap([], exam.passages["text"].to_pylist()), depth=2, batch=2)
    assert paper.run.num_rows == 3 * 2
    # "where was mozart born": mozart-2 "Mozart was born in Salzburg." shares three words.
    best = {row["qid"]: row["pid"] for row in paper.run.to_pylist() if row["rank"] == 1}
    assert best["q08"] == "mozart-2"
    assert paper.costs.pop("encode_ms") > 0
    assert paper.costs.pop("search_ms") > 0
    assert paper.costs == {"parameters": 34.0, "index_bytes": 12.0}


def test_a_retriever_that_counts_tells_of_the_exam_and_not_of_the_timing(exam):
    class Counting(WordOverlap):
        asked = 0

        def encode(self, queries):
            self.asked += len(queries)
            return super().encode(queries)

        def costs(self):
            return {"queries": float(self.asked)}

    paper = sit(exam, Counting([], exam.passages["text"].to_pylist()), depth=2, batch=2)
    assert paper.costs["queries"] == 3


def test_a_teacher_reorders_what_others_found(exam):
    pairs = pa.table({"qid": ["q08", "q08", "q07"], "pid": ["bach-1", "mozart-2", "bach-1"]})
    paper = reorder(exam, pairs, WordOverlap(exam.texts, exam.passages["text"].to_pylist()))
    assert [(row["qid"], row["pid"], row["rank"]) for row in paper.run.to_pylist()] == [
        ("q07", "bach-1", 1),
        ("q08", "mozart-2", 1),
        ("q08", "bach-1", 2),
    ]
    assert list(paper.costs) == ["search_ms"]


def test_scores_that_were_made_elsewhere_took_no_time_here(exam):
    class Elsewhere(WordOverlap):
        def seconds(self, pairs):
            return None

    pairs = pa.table({"qid": ["q08"], "pid": ["bach-1"]})
    assert reorder(exam, pairs, Elsewhere(exam.texts, exam.passages["text"].to_pylist())).costs == {}


@pytest.mark.parametrize(("asked", "known", "nothing"), [(2, 0, True), (2, 1, False), (0, 0, False)])
def test_only_who_was_asked_and_knew_none_knows_nothing(asked, known, nothing):
    run = run_of(*[("q07", "bach-1", 1)] * known)
    assert Paper(run, knowledge=Knowledge(run, asked, 1, 0)).knows_nothing is nothing
    assert not Paper(run).knows_nothing


def test_mined_pairs_are_the_union_over_miners_for_the_queries_asked(exam, tmp_path):
    rows = [
        ("q07", "bach-1", "bm25", 1, 2.0),
        ("q07", "bach-1", "dense", 2, 0.5),
        ("q07", "bach-2", "dense", 1, 0.6),
        ("q01", "rhine-1", "bm25", 1, 2.0),
    ]
    tables.write(from_rows(rows, CANDIDATES), CANDIDATES, tmp_path / "candidates.parquet")
    found = mined(pl.scan_parquet(tmp_path / "candidates.parquet"), exam)
    assert found.to_pydict() == {"qid": ["q07", "q07"], "pid": ["bach-1", "bach-2"]}


def test_marks_keep_the_contract_and_count_the_query_without_hits(exam):
    # q07 finds its passage first, q08 second, q09 nothing: RR = (1 + 1/2 + 0) / 3 = 1/2.
    run = run_of(("q07", "bach-1", 1), ("q08", "iron-1", 1), ("q08", "mozart-2", 2))
    marks = mark(exam, run, "words", ["RR@10"])
    tables.check(marks, METRICS)
    assert {row["qid"]: row["value"] for row in marks.to_pylist()} == {
        "q07": 1.0,
        "q08": 0.5,
        "q09": 0.0,
        None: 0.5,
    }
    assert set(marks["system"].to_pylist()) == {"words"}


def test_retention_worked_by_hand(exam):
    # Only q09 is answered, one relevant passage of three queries' worth of answers:
    # student at rank 2: 1/log2(3) = .63093; teacher at rank 1: 1. Retained: .63093.
    student = run_of(("q09", "iron-1", 1), ("q09", "mozart-1", 2))
    teacher = run_of(("q09", "mozart-1", 1), ("q09", "iron-1", 2))
    rows = retained(exam, student, teacher, "kl/0").to_pylist()
    assert [(row["system"], row["measure"], row["qid"]) for row in rows] == [
        ("kl/0", "retention(nDCG@10)", None)
    ]
    assert rows[0]["value"] == pytest.approx(0.63093, abs=1e-5)


def test_nothing_is_retained_of_a_teacher_that_finds_nothing(exam):
    run = run_of(("q09", "mozart-1", 1))
    assert retained(exam, run, run_of(("q09", "iron-1", 1)), "kl/0").num_rows == 0


def test_a_run_from_elsewhere_keeps_the_queries_asked_and_must_know_the_passages(exam):
    run = run_of(("q07", "bach-1", 1), ("q01", "rhine-1", 1))
    assert known(run, exam, Path("run.trec"))["qid"].to_pylist() == ["q07"]
    with pytest.raises(ConfigError, match=r"run.trec: found 1 unknown passages, such as 'D1'"):
        known(run_of(("q07", "D1", 1)), exam, Path("run.trec"))
    with pytest.raises(ConfigError, match=r"found none of the 3 judged queries of the split test"):
        known(run_of(("q01", "rhine-1", 1)), exam, Path("run.trec"))
