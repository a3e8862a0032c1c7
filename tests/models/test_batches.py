from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError, SchemaError
from models.batches import ListSettings, draw_lists
from models.training import TrainingConfig

TEMPLATE = "{title} {text}"
ONE_EPOCH = TrainingConfig(batch_size=2)


def draw(lesson, training=ONE_EPOCH, **settings):
    return draw_lists(lesson, ListSettings(**settings), training, TEMPLATE)


def table(names, *rows):
    return pl.DataFrame(dict(zip(names.split(), zip(*rows, strict=True), strict=True)))


def known(lesson):
    return set(lesson.qrels.filter(pl.col("grade") > 0).select("qid", "pid").collect().iter_rows())


@given(
    negatives=st.integers(1, 14),
    shared=st.integers(0, 6),
    depth=st.integers(2, 12),
    seed=st.integers(0, 3),
    batch_size=st.integers(1, 5),
)
def test_a_list_is_one_known_answer_and_then_only_mined_passages(
    make_lesson, negatives, shared, depth, seed, batch_size
):
    lesson = make_lesson(seed)
    training = TrainingConfig(batch_size=batch_size, epochs=2)
    lists = draw(lesson, training, negatives=negatives, shared=shared, negative_depth=depth)
    answers = known(lesson)
    mined = set(lesson.candidates.filter(pl.col("rank") <= depth).select("qid", "pid").collect().iter_rows())
    for qid, (positive, *others), _ in lists.rows.iter_rows():
        assert (qid, positive) in answers
        assert len(others) == negatives + shared
        assert {(qid, pid) for pid in others} <= mined - answers


def test_whether_there_is_a_teacher_changes_no_list(make_lesson):
    with_answers, without = (draw(make_lesson(**kw), shared=4) for kw in ({}, {"answers": None}))
    assert with_answers.rows.drop("label").equals(without.rows)


def test_one_more_query_changes_the_own_passages_of_no_other(make_lesson):
    lesson = make_lesson()
    fewer = make_lesson(queries=lesson.queries.filter(pl.col("qid") != "q02").collect())
    before, after = (
        dict(draw(each, negatives=3).rows.select("query_id", "document_ids").iter_rows())
        for each in (fewer, lesson)
    )
    assert before == {qid: pids for qid, pids in after.items() if qid != "q02"}


def test_seeds_and_epochs_draw_differently(make_lesson):
    two = TrainingConfig(batch_size=2, epochs=2)
    first, other = (
        draw(make_lesson(seed), two, negatives=3).rows["document_ids"].to_list() for seed in (0, 1)
    )
    assert first != other
    assert sorted(first[:4]) != sorted(first[4:])
    assert sorted(row[0] for row in first[:4]) == sorted(row[0] for row in first[4:])


def test_labels_stand_in_the_order_of_the_passages(make_lesson):
    lesson = make_lesson()
    scores = {(q, p): s for q, p, s in lesson.answers.select("qid", "pid", "score").collect().iter_rows()}
    for qid, pids, label in draw(lesson, shared=3).rows.iter_rows():
        assert label == [scores[qid, pid] for pid in pids]


@pytest.fixture
def by_hand(make_lesson):
    """Two queries in one step. p1 answers a, p2 answers b; p3 says what p1 says."""
    texts = {"p1": "x", "p2": "y", "p3": "x", "p4": "z", "p5": "w"}
    passages = table("pid title text", *((pid, "T", text) for pid, text in texts.items()))
    queries = table(
        "qid text origin source_pid split",
        ("a", "A", "human", None, "train"),
        ("b", "B", "human", None, "train"),
    )
    qrels = table("qid pid grade", ("a", "p1", 2), ("a", "p5", 0), ("b", "p2", 1))
    ranks = [("a", pid, rank) for rank, pid in enumerate(("p1", "p3", "p2", "p4"), start=1)]
    ranks += [("b", pid, rank) for rank, pid in enumerate(("p2", "p4", "p1"), start=1)]
    candidates = table("qid pid miner rank score", *((q, p, "m", rank, 0.0) for q, p, rank in ranks))
    return make_lesson(passages=passages, queries=queries, qrels=qrels, candidates=candidates, answers=None)


def test_lists_worked_by_hand(by_hand):
    # depth 3: a has mined p1 (its answer), p3 (the same text as its answer) and p2: only p2 is a negative.
    #          b has mined p2 (its answer), p4 and p1. Two negatives each, so a's one is repeated.
    lists = draw(by_hand, negatives=2, negative_depth=3)
    rows = {qid: (pids[0], sorted(pids[1:])) for qid, pids in lists.rows.iter_rows()}
    assert rows == {"a": ("p1", ["p2", "p2"]), "b": ("p2", ["p1", "p4"])}
    assert sorted(lists.documents.iter_rows()) == [("p1", "T x"), ("p2", "T y"), ("p4", "T z")]
    assert sorted(lists.queries.iter_rows()) == [("a", "A"), ("b", "B")]


def test_shared_passages_worked_by_hand(by_hand):
    # Of b's candidates leave p2 (its answer) and p4: b draws p4. The step encodes p1, p2, p4 whatever a draws
    # of p2 and p4, so a gets the other one too. Neither p1 nor p2 is a negative of b: its p4 is repeated.
    without = by_hand.candidates.filter((pl.col("qid") == "a") | (pl.col("pid") != "p1"))
    lists = draw(replace(by_hand, candidates=without), negatives=1, shared=1, negative_depth=4)
    rows = {qid: (pids[0], sorted(pids[1:])) for qid, pids in lists.rows.iter_rows()}
    assert rows == {"a": ("p1", ["p2", "p4"]), "b": ("p2", ["p4", "p4"])}


def test_generated_queries_learn_from_their_source(make_lesson):
    lesson = make_lesson()
    generated = [
        (f"g-{pid}", f"about {pid}", "generated", pid, "train") for pid in ("gold-1", "iron-1", "bach-1")
    ]
    queries = table("qid text origin source_pid split", *generated)
    candidates = pl.concat(
        lesson.candidates.collect().filter(qid="q01").with_columns(qid=pl.lit(qid)) for qid in queries["qid"]
    )
    alone = make_lesson(queries=queries, candidates=candidates, answers=None)
    positives = {qid: pids[0] for qid, pids in draw(alone).rows.iter_rows()}
    assert positives == {"g-gold-1": "gold-1", "g-iron-1": "iron-1", "g-bach-1": "bach-1"}
    with pytest.raises(ConfigError, match="0 queries of the split train"):
        draw(alone, generated_share=0.0)


def test_a_query_without_a_negative_is_dropped_and_counted(make_lesson):
    lesson = make_lesson()
    candidates = lesson.candidates.filter((pl.col("qid") != "q01") | (pl.col("pid") == "rhine-1")).collect()
    lists = draw(make_lesson(candidates=candidates))
    assert "q01" not in lists.rows["query_id"]
    assert lists.facts(ONE_EPOCH) == {
        "queries": 3.0,
        "queries_dropped": 1.0,
        "lists": 3.0,
        "steps": 2.0,
        "negatives_dropped": 0.0,
        "negatives_relabelled": 0.0,
        "lists_short": 0.0,
    }


DECIDED = table("qid pid action", ("b", "p4", "drop"), ("b", "p4", "drop"), ("a", "p2", "relabel"))


def test_decisions_worked_by_hand(by_hand):
    # a has mined p3 (says what its answer says), p2 (relabelled) and p4; b has mined p4 (dropped) and p1.
    # So a learns from p1 and from p2, with p4 against each, repeated; b from p2 with p1, repeated.
    lists = draw(replace(by_hand, decisions=DECIDED.lazy()), negatives=2, negative_depth=4)
    rows = {(qid, pids[0]): sorted(pids[1:]) for qid, pids in lists.rows.iter_rows()}
    assert rows == {("a", "p1"): ["p4", "p4"], ("a", "p2"): ["p4", "p4"], ("b", "p2"): ["p1", "p1"]}
    # p3 of a and p4 of b; p2 of a; all three lists repeat.
    facts = lists.facts(ONE_EPOCH)
    assert [facts[name] for name in ("negatives_dropped", "negatives_relabelled", "lists_short")] == [2, 1, 3]


def test_what_says_the_same_as_a_relabelled_passage_is_no_negative(by_hand):
    decided = table("qid pid action", ("b", "p1", "relabel"))
    third = table("qid pid miner rank score", ("b", "p3", "m", 4, 0.0)).lazy()
    more = pl.concat([by_hand.candidates, third])
    lists = draw(replace(by_hand, candidates=more, decisions=decided.lazy()), negatives=1, negative_depth=4)
    assert {pid for qid, pids in lists.rows.iter_rows() if qid == "b" for pid in pids[1:]} == {"p4"}


def test_what_was_not_drawn_is_not_replaced_from_below_the_depth(by_hand):
    decided = table("qid pid action", ("a", "p2", "drop"))
    lists = draw(replace(by_hand, decisions=decided.lazy()), negatives=2, negative_depth=3)
    assert "a" not in lists.rows["query_id"]
    assert lists.dropped == 1


def test_a_missing_answer_is_named(make_lesson):
    lesson = make_lesson()
    answers = lesson.answers.filter(~((pl.col("qid") == "q01") & (pl.col("pid") == "rhine-1"))).collect()
    with pytest.raises(SchemaError, match=r"no score of 1 pairs, such as \(q01, rhine-1\)"):
        draw(make_lesson(answers=answers))


def test_nothing_to_learn_from_says_what_to_do(make_lesson):
    lesson = make_lesson()
    with pytest.raises(ConfigError, match=r"4 queries of the split train, none .* Raise mine\.depth"):
        draw(make_lesson(candidates=lesson.candidates.filter(pl.col("rank") > 99).collect()))
