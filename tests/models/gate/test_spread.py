import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gate.spread import not_finite, spread, within_query_spread

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), min_size=1, max_size=30)


def frame(rows):
    return pl.DataFrame(rows, schema={"qid": pl.String, "score": pl.Float64}, orient="row")


@given(ROWS)
def test_a_score_is_tied_if_its_query_has_it_twice(rows):
    tied = sum(rows.count(row) > 1 for row in rows)
    assert spread(frame(rows))["ties"].value == pytest.approx(tied / len(rows))


@given(ROWS)
def test_the_most_frequent_value_is_counted_over_all_queries(rows):
    scores = [score for _, score in rows]
    found = spread(frame(rows))["saturation"].value
    assert found == pytest.approx(max(map(scores.count, scores)) / len(scores))


def test_sixty_thousand_zeros_are_all_tied_and_named():
    found = spread(pl.DataFrame({"qid": np.repeat(np.arange(600).astype(str), 100), "score": 0.0}))
    assert (found["ties"].value, found["saturation"].value) == (1.0, 1.0)
    assert found["saturation"].note == "60,000 of 60,000 scores are exactly 0"


def test_equal_scores_of_two_queries_are_no_tie():
    assert spread(frame([("a", 1), ("b", 1)]))["ties"].value == 0


def test_scores_that_are_no_numbers_are_counted_over_all_frames():
    wild = pl.LazyFrame({"score": [1.0, np.nan, np.inf]}), pl.LazyFrame({"score": [-np.inf]})
    assert (not_finite(*wild).value, not_finite(*wild).note) == (3.0, "of 4 scores")


def test_nothing_to_look_at_is_no_pass():
    assert spread(frame([]))["ties"].value is None
    assert within_query_spread(frame([])) == 0


@given(ROWS, st.integers(1, 9), st.integers(-9, 9))
def test_the_spread_scales_with_the_scores_and_does_not_see_a_querys_level(rows, factor, level):
    pairs = frame(rows)
    moved = pl.when(pl.col("qid") == "a").then(factor * pl.col("score") + level)
    moved = moved.otherwise(factor * pl.col("score"))
    found = within_query_spread(pairs.with_columns(score=moved))
    assert found == pytest.approx(factor * within_query_spread(pairs), abs=1e-9)
