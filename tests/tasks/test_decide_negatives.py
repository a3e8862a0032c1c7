import logging

import polars as pl
import pytest
from pydantic import ValidationError

from data.errors import SchemaError
from data.schemas import ANSWERS, CANDIDATES, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.false_negatives import AbovePositive, AbsoluteMargin, Rank
from models.false_negatives.decisions import DECISIONS
from tasks.decide_negatives import Decide, DecideConfig, decide_negatives, taught_queries
from tasks.stage import Stage

# p2 says what p1 says. q1 knows p1, g-p3 was made from p3, q2 is a dev query with two answers, q3 is tested,
# q4 has no known answer.
TABLES = {
    "passages": from_rows(
        [("p0", "", "zero"), ("p1", "", "one two"), ("p2", "", " one\ntwo"), ("p3", "", "three")], PASSAGES
    ),
    "queries": from_rows(
        [
            ("q1", "a", "human", None, "train"),
            ("q2", "b", "human", None, "dev"),
            ("q3", "c", "human", None, "test"),
            ("q4", "d", "human", None, "train"),
        ],
        QUERIES,
    ),
    "generated": from_rows([("g-p3", "e", "generated", "p3", "train")], QUERIES),
    "qrels": from_rows(
        [("q1", "p1", 1), ("q1", "p0", 0), ("q2", "p1", 2), ("q2", "p3", 1), ("q3", "p0", 1)], QRELS
    ),
    "candidates": from_rows(
        [
            (qid, pid, miner, rank, 0.0)
            for qid in ("g-p3", "q1", "q2", "q3", "q4")
            for miner in ("bm25", "dense")
            for rank, pid in enumerate(("p0", "p1", "p2"), start=1)
        ],
        CANDIDATES,
    ),
    # q1: p1 is known; p0 lies above it, p2 says the same. q2: p0 lies between its answers p1 and p3.
    # g-p3: p0 and p1 lie above p3, p2 below.
    "answers": from_rows(
        [
            (qid, pid, "t", score)
            for qid, scores in {
                "g-p3": (-1.0, -2.0, -9.0, -3.0),
                "q1": (-4.0, -5.0, -5.0, -9.0),
                "q2": (-2.0, -1.0, -8.0, -3.0),
                "q4": (1.0, 1.0, 1.0, 1.0),
            }.items()
            for pid, score in zip(("p0", "p1", "p2", "p3"), scores, strict=True)
        ],
        ANSWERS,
    ),
}


def artifact(store, name, *schemas, **tables):
    def body(draft, _store, _config):
        for schema in schemas:
            draft.write({**TABLES, **tables}[schema.name], schema)

    return Stage(name=name, module="tasks.stage", body=body).run(store, DecideConfig(), {}, force=True)


def run(store, *rules, block_pairs=1_000_000, **tables):
    inputs = {
        "collection": artifact(store, "ingest", PASSAGES, QUERIES, QRELS, **tables),
        "generated": artifact(store, "generate_queries", QUERIES, queries=TABLES["generated"]),
        "candidates": artifact(store, "mine_candidates", CANDIDATES, **tables),
        "answers": artifact(store, "score_candidates", ANSWERS, **tables),
    }
    config = Decide(options=DecideConfig(rules=rules, block_pairs=block_pairs))
    return decide_negatives.run(store, config, inputs, force=True)


def decided(store, ref):
    rows = pl.DataFrame(store.read(DECISIONS, ref))
    return set(rows.select("qid", "pid", "rule", "positive_pid").iter_rows())


def test_only_queries_that_a_student_learns_from_are_decided_on():
    queries = taught_queries(pl.concat([pl.LazyFrame(TABLES["queries"]), pl.LazyFrame(TABLES["generated"])]))
    assert queries["qid"].to_list() == ["g-p3", "q1", "q2", "q4"]


def test_without_rules_only_copies_of_known_answers_are_decided_on(store):
    ref = run(store)
    assert decided(store, ref) == {("q1", "p2", "same_text", "p1"), ("q2", "p2", "same_text", "p1")}
    assert store.facts(ref) == {
        # g-p3: p0 p1 p2; q1: p0 p2; q2: p0 p2.
        "candidates": 7,
        "rules": {"same_text": 2},
        "dropped": 2,
        "relabelled": 0,
        "share": 0.2857,
        "train_queries": 2,
        "without_negative": 0,
    }


def test_every_rule_and_every_action_is_counted(store):
    above, margin = AbovePositive(action="relabel"), AbsoluteMargin(margin=3.0, against="lowest")
    ref = run(store, above, margin, Rank(at=1))
    assert decided(store, ref) == {
        ("g-p3", "p0", "above_positive(highest)", "p3"),
        ("g-p3", "p0", "absolute_margin(3.0, lowest)", "p3"),
        ("g-p3", "p0", "rank(1)", "p3"),
        ("g-p3", "p1", "above_positive(highest)", "p3"),
        ("g-p3", "p1", "absolute_margin(3.0, lowest)", "p3"),
        ("q1", "p0", "above_positive(highest)", "p1"),
        ("q1", "p0", "absolute_margin(3.0, lowest)", "p1"),
        ("q1", "p0", "rank(1)", "p1"),
        ("q1", "p2", "absolute_margin(3.0, lowest)", "p1"),
        ("q1", "p2", "same_text", "p1"),
        ("q2", "p0", "absolute_margin(3.0, lowest)", "p3"),
        ("q2", "p2", "same_text", "p1"),
    }
    facts = store.facts(ref)
    assert facts["rules"] == {
        "same_text": 2,
        "above_positive(highest)": 3,
        "absolute_margin(3.0, lowest)": 5,
        "rank(1)": 2,
    }
    # Pairs: relabelled g-p3/p0, g-p3/p1, q1/p0; dropped q1/p2, q2/p0, q2/p2. q1 has nothing left, q2 is dev.
    assert (facts["relabelled"], facts["dropped"], facts["share"]) == (3, 3, 0.8571)
    assert (facts["train_queries"], facts["without_negative"]) == (2, 1)


def test_blocks_of_any_size_give_the_same_bytes_and_the_same_address(store):
    refs = [run(store, Rank(at=2), AbovePositive(), block_pairs=size) for size in (1, 3, 100)]
    assert len({(ref.key, ref.parts["decisions.parquet"]) for ref in refs}) == 1
    assert len({str(store.facts(ref)) for ref in refs}) == 1


@pytest.mark.parametrize(
    ("rules", "queries", "level"),
    [
        ((), "0", None),
        ((Rank(at=1),), "1 of 2", logging.WARNING),  # half of the train queries
    ],
)
def test_many_queries_without_a_negative_are_a_warning(store, caplog, rules, queries, level):
    with caplog.at_level(logging.INFO, logger="distill"):
        run(store, *rules)
    said = [
        (record.levelno, record.getMessage()) for record in caplog.records if "negative left" in record.msg
    ]
    assert [found for found, _ in said] == ([level] if level else [])
    assert all(message.startswith(f"{queries} train queries have no negative left") for _, message in said)


def test_a_missing_score_is_named(store):
    with pytest.raises(SchemaError, match=r"no score of 1 pairs, such as \(g-p3, p0\)"):
        run(store, answers=TABLES["answers"].slice(1))


def test_a_rule_that_stands_twice_is_refused():
    with pytest.raises(ValidationError, match=r"found rank\(2\) more than once; expected distinct rules"):
        DecideConfig(rules=(Rank(at=2), Rank(at=2, action="relabel"), Rank(at=3)))
