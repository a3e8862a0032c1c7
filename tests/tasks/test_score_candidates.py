import shutil

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from data.schemas import ANSWERS, CANDIDATES, PASSAGES, QRELS, QUERIES
from data.tables import check, from_rows
from models.asked import Asked
from models.encoders.text_encoder import EncoderConfig
from models.named_pairs import NamedPairs
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.dual_encoder import DualEncoderConfig
from tasks import score_candidates as scoring
from tasks.score_candidates import Score, ScoreConfig, Work, answers
from tasks.stage import Outlook, Stage

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


class Product:
    """Scores a pair by its rows."""

    def score(self, query_rows, passage_rows):
        return (10 * query_rows + passage_rows).astype(np.float32)

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


def test_answers_keep_their_contract():
    pairs = pl.DataFrame({"qid": ["a", "b", "b"], "pid": ["z", "w", "y"]})
    named = NamedPairs(["a", "b"], ["w", "x", "y", "z"])
    table = answers(pairs, Work(Product(), iter(()), named, queries=2, known=0), "t")
    check(table, ANSWERS)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("a", "z", "t", 3.0),
        ("b", "w", "t", 10.0),
        ("b", "y", "t", 12.0),
    ]


def collection(store, tables=TWO):
    def body(draft, _store, _config):
        for schema in (PASSAGES, QRELS):
            draft.write(tables[schema.name], schema)
        draft.write(tables["queries"].slice(1), QUERIES)

    return Stage(name="ingest", module="tasks.stage", body=body).run(store, ScoreConfig(), {}, force=True)


def mined(store, tables=TWO):
    def body(draft, _store, _config):
        draft.write(tables["candidates"], CANDIDATES)

    return Stage(name="mine_candidates", module="tasks.stage", body=body).run(
        store, ScoreConfig(), {}, force=True
    )


def run(store, config, tables=TWO):
    inputs = {
        "collection": collection(store, tables),
        "generated": None,
        "candidates": mined(store, tables),
        "weights": None,
    }
    return scoring.score_candidates.run(store, config, inputs, force=True)


@pytest.fixture
def encoder(tiny_backbone):
    return DualEncoderConfig(name="tiny", encoder=EncoderConfig(model=str(tiny_backbone)))


def renamed(tables):
    """Give every id another name, in another order."""
    columns = {
        name: [
            pa.array([each and f"{99 - int(each[-1])}{each}" for each in table[column].to_pylist()])
            if column in ("qid", "pid", "source_pid")
            else table[column]
            for column in table.column_names
        ]
        for name, table in tables.items()
    }
    return {name: pa.table(columns[name], schema=tables[name].schema) for name in tables}


def test_blocks_of_any_size_give_the_same_key_and_the_same_address(store):
    teacher = Bm25TeacherConfig(name="lexical")
    refs = [run(store, Score(teacher=teacher, options=ScoreConfig(shard_pairs=n))) for n in (1, 2, 100)]
    assert len({(ref.key, ref.parts["answers.parquet"]) for ref in refs}) == 1
    assert store.read(ANSWERS, refs[0]).num_rows == 3
    facts = store.facts(refs[0])
    assert (facts["pairs"], facts["queries"]) == (3, 2)


def test_nothing_is_scored_again_when_the_key_is_lost_or_ids_are_renamed(store, encoder):
    first = run(store, Score(teacher=encoder))
    assert (store.facts(first)["scored"], store.facts(first)["reused"]) == (3, 0)
    assert len(store.facts(first)["teacher_digest"]) == 32
    again = run(store, Score(teacher=encoder))
    assert (store.facts(again)["scored"], store.facts(again)["reused"]) == (0, 3)
    assert again.parts == first.parts
    others = run(store, Score(teacher=encoder.model_copy(update={"name": "other"})), renamed(TWO))
    assert (store.facts(others)["scored"], store.facts(others)["reused"]) == (0, 3)


def test_a_teacher_that_is_asked_deeper_scores_only_what_is_new(store, encoder):
    rows = [("q1", "p0", "bm25", 1, 2.0), ("q1", "p3", "bm25", 2, 1.0)]
    deep = TWO | {"candidates": from_rows(rows, CANDIDATES)}
    shallow = run(store, Score(teacher=encoder.model_copy(update={"asked": Asked(depth=1)})), deep)
    whole = run(store, Score(teacher=encoder), deep)
    asked, all_of_them = store.facts(shallow), store.facts(whole)
    assert shallow.key != whole.key
    assert asked["teacher_digest"] == all_of_them["teacher_digest"]
    # Two known answers and the best candidate; then one candidate more.
    assert (asked["pairs"], asked["scored"]) == (3, 3)
    assert (all_of_them["reused"], all_of_them["scored"]) == (3, 1)


def test_an_edited_passage_is_scored_again_and_no_other(store, encoder):
    before = store.read(ANSWERS, run(store, Score(teacher=encoder))).to_pylist()
    texts = ["text 0", "text 1", "text text text text text", "text 3"]
    edited = {**TWO, "passages": TWO["passages"].set_column(2, PASSAGES.columns.field("text"), [texts])}
    ref = run(store, Score(teacher=encoder), edited)
    after = store.read(ANSWERS, ref).to_pylist()
    assert (store.facts(ref)["scored"], store.facts(ref)["reused"]) == (1, 2)
    changed = [new["pid"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ["p2"]


def test_a_plan_counts_what_is_stored_and_what_is_to_be_scored(store, encoder):
    def ahead(tables=TWO, teacher=encoder):
        inputs = {"collection": collection(store, tables), "candidates": mined(store, tables)}
        config = Score(teacher=teacher)
        return scoring.score_candidates.outlook(store, config, **inputs, generated=None, weights=None)

    assert ahead() == Outlook("pair", stored=0, to_do=3, seconds=None)
    run(store, Score(teacher=encoder))
    assert ahead() == Outlook("pair", stored=3, to_do=0, seconds=0.0)
    texts = ["text 0", "text 1", "text text text text text", "text 3"]
    found = ahead({**TWO, "passages": TWO["passages"].set_column(2, PASSAGES.columns.field("text"), [texts])})
    assert (found.stored, found.to_do) == (2, 1)
    assert found.seconds > 0
    assert ahead(teacher=Bm25TeacherConfig(name="lexical")) is None


MANY = {
    **TWO,
    "queries": from_rows([(f"q{n}", "rain " * n, "human", None, "train") for n in range(9)], QUERIES),
    "candidates": from_rows(
        [(f"q{n}", f"p{m}", "bm25", 1, 1.0) for n in range(9) for m in range(4)], CANDIDATES
    ),
}


def test_what_was_stored_before_a_crash_gives_the_same_bytes(store, encoder, monkeypatch):
    config = Score(teacher=encoder, options=ScoreConfig(shard_pairs=8))
    whole = run(store, config, MANY)
    shutil.rmtree(store.root / "scores")
    calls = []
    original = scoring.answers

    def crash(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(scoring, "answers", crash)
    with pytest.raises(KeyboardInterrupt):
        run(store, config, MANY)
    monkeypatch.setattr(scoring, "answers", original)
    resumed = run(store, config, MANY)
    assert store.facts(resumed)["reused"] == sum(call[0].height for call in calls[:2]) >= 16
    assert resumed.parts == whole.parts
