import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from data.errors import SchemaError
from data.identity import canonical
from data.schemas import ANSWERS, CANDIDATES, PASSAGES, QRELS, QUERIES
from data.tables import check, from_rows
from models.teachers.bm25 import Bm25TeacherConfig
from tasks import score_candidates as scoring
from tasks.score_candidates import Score, ScoreConfig, answers, known_answers, pairs_to_score, teacher_digest
from tasks.stage import Stage

TWO = {
    "passages": from_rows([(f"p{n}", "", f"text {n}") for n in range(4)], PASSAGES),
    "queries": from_rows(
        [
            ("g-p3-1", "text 3", "generated", "p3", "train"),
            ("q1", "text 1", "human", None, "train"),
            ("q2", "text 2", "human", None, "dev"),
        ],
        QUERIES,
    ),
    "candidates": from_rows(
        [("q1", "p0", "bm25", 1, 1.0), ("q1", "p0", "dense", 2, 1.0), ("q9", "p1", "bm25", 1, 1.0)],
        CANDIDATES,
    ),
    "qrels": from_rows([("q1", "p2", 1), ("q1", "p1", 0), ("q2", "p1", 3), ("q9", "p0", 3)], QRELS),
}


def frame(name):
    return pl.DataFrame(TWO[name]).lazy()


def named(pairs):
    qids, pids = (TWO[name].column(0).to_pylist() for name in ("queries", "passages"))
    return [(qids[q], pids[p]) for q, p in pairs.iter_rows()]


def test_the_key_holds_candidates_and_known_answers_once_each_and_nothing_of_other_queries():
    queries = pl.DataFrame(TWO["queries"])
    known = known_answers(queries, frame("qrels"))
    pairs = pairs_to_score(queries, TWO["passages"], frame("candidates"), known)
    # g-p3-1: its source. q1: what was mined, twice, and its answer, which was not. q2: its answer.
    assert named(pairs) == [("g-p3-1", "p3"), ("q1", "p0"), ("q1", "p2"), ("q2", "p1")]


class Product:
    """Scores a pair by its rows; notes in which portions it was asked."""

    def __init__(self):
        self.portions = []

    def score(self, query_rows, passage_rows):
        self.portions.append(len(query_rows))
        return (10 * query_rows + passage_rows).astype(np.float32)


def test_answers_keep_their_contract():
    pairs = pl.DataFrame({"query_row": [0, 1, 1], "passage_row": [3, 0, 2]})
    table = answers(pairs, pl.Series(["a", "b"]), pa.chunked_array([["w", "x", "y", "z"]]), "t", Product())
    check(table, ANSWERS)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("a", "z", "t", 3.0),
        ("b", "w", "t", 10.0),
        ("b", "y", "t", 12.0),
    ]


@pytest.mark.parametrize("wild", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused_with_its_pair(wild):
    class Wild:
        def score(self, query_rows, passage_rows):
            return np.float32([1.0, wild])

    pairs = pl.DataFrame({"query_row": [0, 1], "passage_row": [0, 0]})
    with pytest.raises(
        SchemaError, match=r"teacher t: found (nan|inf) for the pair \(b, w\) and 0 more scores"
    ):
        answers(pairs, pl.Series(["a", "b"]), pa.chunked_array([["w"]]), "t", Wild())


def collection(store):
    def body(draft, _store, _config):
        for schema in (PASSAGES, QRELS):
            draft.write(TWO[schema.name], schema)
        draft.write(TWO["queries"].slice(1), QUERIES)

    return Stage(name="ingest", module="tasks.stage", body=body).run(store, ScoreConfig(), {})


def mined(store):
    def body(draft, _store, _config):
        draft.write(TWO["candidates"], CANDIDATES)

    return Stage(name="mine_candidates", module="tasks.stage", body=body).run(store, ScoreConfig(), {})


def run(store, shard_pairs):
    config = Score(teacher=Bm25TeacherConfig(name="lexical"), options=ScoreConfig(shard_pairs=shard_pairs))
    inputs = {"collection": collection(store), "generated": None, "candidates": mined(store), "weights": None}
    return scoring.score_candidates.run(store, config, inputs, force=True)


def test_shards_of_any_size_give_the_same_key_and_the_same_address(store):
    refs = [run(store, shard_pairs) for shard_pairs in (1, 2, 100)]
    assert len({(ref.key, ref.parts["answers.parquet"]) for ref in refs}) == 1
    assert store.read(ANSWERS, refs[0]).num_rows == 3
    facts = store.facts(refs[0])
    assert (facts["pairs"], facts["queries"]) == (3, 2)
    assert len(facts["teacher_digest"]) == 32


def test_a_teacher_is_what_it_is_not_what_it_is_called(digests):
    one, same = (Bm25TeacherConfig(name=name) for name in ("a", "b"))
    other = Bm25TeacherConfig(name="a", template="{text}")
    assert teacher_digest(one, None, digests) == teacher_digest(same, None, digests)
    assert teacher_digest(one, None, digests) != teacher_digest(other, None, digests)
    assert canonical(one, digests)["name"] == "a"
