import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gate.consistency import agreement, drift, duplicate_drift

SCORES = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=20)


@given(SCORES, st.integers(1, 8), st.integers(-8, 8))
def test_drift_does_not_see_scale_or_level(rows, factor, level):
    before, again = (np.float32(column) for column in zip(*rows, strict=True))
    moved = drift(factor * before + level, factor * again + level, 2.0 * factor, "again")
    assert moved.value == pytest.approx(drift(before, again, 2.0, "again").value)


def test_drift_worked_by_hand():
    # Gaps 0 and 2: sqrt((0 + 4) / 2) = 1.4142; in spreads of 4: 0.3536.
    found = drift(np.float32([1, 5]), np.float32([1, 3]), 4.0, "in float32")
    assert found.value == pytest.approx(0.3536, abs=1e-4)
    assert found.note == "2 pairs in float32"


def test_equal_scores_do_not_drift_and_scores_that_are_no_numbers_are_passed_over():
    before, again = np.float32([1, np.nan, 3]), np.float32([1, 2, np.inf])
    assert (drift(before, again, 1.0, "again").value, drift(before, again, 1.0, "again").note) == (
        0.0,
        "1 pairs again",
    )


@pytest.mark.parametrize(
    ("again", "spread", "reason"), [([1.0], 0.0, "no spread to compare"), ([np.nan], 1.0, "no pair with")]
)
def test_a_drift_that_cannot_be_told_says_why(again, spread, reason):
    found = drift(np.float32([1.0]), np.float32(again), spread, "again")
    assert found.value is None
    assert reason in found.note


def texts(*rows):
    schema = {"query": pl.String, "passage": pl.String, "score": pl.Float32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_the_largest_gap_between_equal_texts_counts():
    # q/x: 1 and 1.5; q/y: 2 and 2; r/x is another pair. 0.5 in spreads of 2: 0.25.
    pairs = texts(("q", "x", 1), ("q", "x", 1.5), ("q", "y", 2), ("q", "y", 2), ("r", "x", 9))
    assert duplicate_drift(pairs, 2.0).value == 0.25
    assert duplicate_drift(pairs, 2.0).note == "2 pairs of texts occur more than once"
    assert duplicate_drift(pairs, 0.0).value is None


def test_without_equal_texts_there_is_nothing_to_compare():
    found = duplicate_drift(texts(("q", "x", 1), ("r", "x", 2)), 1.0)
    assert (found.value, found.note) == (None, "no two pairs have the same texts")


def answers(scores, qid="q"):
    return pl.DataFrame(
        {"qid": qid, "pid": [f"p{n}" for n in range(len(scores))], "score": np.float32(scores)}
    )


def listed(count, qid="q"):
    return pl.DataFrame({"qid": qid, "pid": [f"p{n}" for n in range(count)], "miner": "m"})


def test_teachers_agree_with_themselves_and_not_with_their_opposite():
    one = answers([1, 2, 3, 4])
    assert agreement(one, {"twin": answers([1, 4, 9, 16])}, listed(4)).value == pytest.approx(1)
    assert agreement(one, {"foe": answers([4, 3, 2, 1])}, listed(4)).value == pytest.approx(-1)


def test_the_teacher_most_alike_counts_and_all_are_named():
    found = agreement(answers([1, 2, 3]), {"foe": answers([3, 2, 1]), "twin": answers([5, 6, 7])}, listed(3))
    assert (found.value, found.note) == (pytest.approx(1), "foe -1.000, twin 1.000")


def test_two_good_teachers_do_not_contradict_each_other_because_of_how_passages_were_chosen():
    # Two independent tastes. The union of the passages each likes best correlates them downwards.
    rng = np.random.default_rng(0)
    tastes = rng.normal(size=(2, 2000))
    chosen = [np.argsort(-taste)[:100] for taste in tastes]
    union = np.union1d(*chosen)
    assert np.corrcoef(tastes[:, union])[0, 1] < -0.5
    lists = pl.concat(
        pl.DataFrame({"qid": "q", "pid": [f"p{row}" for row in rows], "miner": name})
        for name, rows in zip("ab", chosen, strict=True)
    )
    found = agreement(answers(tastes[0]), {"other": answers(tastes[1])}, lists)
    assert abs(found.value) < 0.15


@pytest.mark.parametrize(
    ("others", "reason"), [({}, "no other teacher"), ({"flat": answers([1, 1, 1])}, "no list of which 3")]
)
def test_nobody_to_agree_with_is_said(others, reason):
    found = agreement(answers([1, 2, 3]), others, listed(3))
    assert found.value is None
    assert reason in found.note
