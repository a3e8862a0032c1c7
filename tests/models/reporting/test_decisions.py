import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.schemas import DECISIONS
from models.reporting.decisions import LONGEST, audit, sample

COLUMNS = ("qid", "pid", "rule")
IDS = st.tuples(
    st.sampled_from(["q1", "q2", "q3"]), st.sampled_from("abcdef"), st.sampled_from(["same_text", "rank(1)"])
)


def table(rows):
    return pl.LazyFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


@given(rows=st.lists(IDS, unique=True), count=st.integers(1, 12), order=st.randoms())
def test_the_sample_is_so_many_rows_whatever_their_order_and_takes_the_rules_in_turn(rows, count, order):
    drawn = sample(table(rows), count)
    assert drawn.height == min(count, len(rows))
    assert set(drawn.iter_rows()) <= set(rows)
    mixed = order.sample(rows, len(rows))
    assert sample(table(mixed), count).equals(drawn)
    has = {rule: sum(row[2] == rule for row in rows) for rule in ("same_text", "rank(1)")}
    got = {rule: drawn.filter(rule=rule).height for rule in has}
    assert all(got[rule] >= min(has[rule], count // 2) for rule in has)


@given(rows=st.lists(IDS, unique=True), count=st.integers(1, 12))
def test_a_larger_sample_keeps_what_a_smaller_one_has(rows, count):
    assert set(sample(table(rows), count).iter_rows()) <= set(sample(table(rows), count + 1).iter_rows())


def test_the_sample_takes_the_queries_in_turn():
    rows = [("q1", pid, "rank(9)") for pid in "abcdefgh"] + [("q2", "a", "rank(9)"), ("q3", "a", "rank(9)")]
    assert set(sample(table(rows), 3)["qid"]) == {"q1", "q2", "q3"}


@pytest.fixture
def found():
    decisions = pl.LazyFrame(
        [
            ("q1", "p2", "same_text", "drop", -5.0, "p1", -5.0, 2.5, 2, 0.0),
            ("q1", "p3", "rank(1)", "relabel", -4.0, "p1", -5.0, 2.5, 1, 1.0),
        ],
        schema=DECISIONS.columns.names,
        orient="row",
    )
    queries = pl.LazyFrame({"qid": ["q1"], "text": ["where is it"]})
    passages = pl.LazyFrame(
        {"pid": ["p1", "p2", "p3"], "title": ["T", "", "U"], "text": ["it is\nhere", "it is here", "x" * 500]}
    )
    return audit(decisions, queries, passages, "minilm")


def test_examples_tell_texts_and_numbers(found):
    first, second = found.examples
    assert first.heading == "rank(1): relabel"
    assert first.told() == {
        "query q1": "where is it",
        "passage p3": f"U {'x' * (LONGEST - 3)}…",
        "known answer p1": "T it is here",
        "scores": "-4.00, rank 1; the answer's -5.00; difference +1.00; spread of the query 2.50",
        "limit": "1",
    }
    assert second.told()["passage p2"] == "it is here"
