import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gate.quality import contrast, of_order, quality

RAW = st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=30)


def judged_pairs(rows, qid="q"):
    scores, positive = zip(*rows, strict=True)
    return pl.DataFrame({"qid": qid, "score": np.float64(scores), "positive": list(positive)})


@given(RAW, st.floats(0.01, 100), st.floats(-100, 100))
def test_an_increasing_transform_changes_nothing(rows, factor, offset):
    pairs = judged_pairs(rows)
    changed = pairs.with_columns(score=factor * pl.col("score") + offset)
    assert contrast(changed) == contrast(pairs)
    assert contrast(pairs.with_columns(score=pl.col("score") ** 3)) == contrast(pairs)


@given(RAW)
def test_auc_is_the_share_of_pairs_in_the_right_order_ties_half(rows):
    positives, negatives = ([score for score, positive in rows if positive is want] for want in (True, False))
    pairs = [(p > n, p == n) for p in positives for n in negatives]
    found = contrast(judged_pairs(rows))
    if not pairs:
        assert found == {"auc": None, "positives_above": None}
        return
    above, ties = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    assert found["auc"] == pytest.approx(above + ties / 2)
    assert found["positives_above"] == pytest.approx(above)


@given(RAW)
def test_an_order_turned_round_has_the_rest_of_auc(rows):
    pairs = judged_pairs(rows)
    found, turned = (contrast(each)["auc"] for each in (pairs, pairs.with_columns(score=-pl.col("score"))))
    assert (found is None) or found + turned == pytest.approx(1)


def test_a_level_of_its_own_for_each_query_changes_nothing():
    pairs = pl.concat([judged_pairs([(1, True), (0, False)]), judged_pairs([(101, True), (100, False)], "r")])
    assert contrast(pairs) == {"auc": 1.0, "positives_above": 1.0}


def test_shuffled_scores_are_worth_a_coin():
    rng = np.random.default_rng(0)
    pairs = pl.DataFrame(
        {"qid": np.repeat([f"q{n}" for n in range(200)], 20), "positive": [True, *[False] * 19] * 200}
    ).with_columns(score=pl.col("positive").cast(pl.Float64) + pl.Series(rng.normal(0, 0.1, 4000)))
    assert contrast(pairs)["auc"] == 1.0
    shuffled = pairs.with_columns(score=pl.Series(rng.permutation(pairs["score"].to_numpy())))
    assert contrast(shuffled)["auc"] == pytest.approx(0.5, abs=0.05)


def frame(rows, *columns):
    return pl.DataFrame(rows, schema=list(columns), orient="row")


QRELS = frame([("q", "a", 1), ("q", "d", 0)], "qid", "pid", "grade").cast({"grade": pl.Int16})
ANSWERS = frame([("q", "a", 3.0), ("q", "b", 5.0), ("q", "c", 1.0), ("q", "d", 0.0)], "qid", "pid", "score")


def test_worked_by_hand():
    # The one positive, a, is second of four: nDCG = 1 / log2(3) = 0.6309. Of b, c, d it beats c and d.
    found = of_order(ANSWERS, QRELS)
    assert found["ndcg"] == pytest.approx(0.6309, abs=1e-4)
    assert found["auc"] == found["positives_above"] == pytest.approx(2 / 3)


def mined(miner, *pids):
    rows = [("q", pid, miner, rank) for rank, pid in enumerate(pids, start=1)]
    return frame(rows, "qid", "pid", "miner", "rank").cast({"rank": pl.Int32})


def test_the_loss_is_to_the_best_miner_over_what_it_found():
    # good orders a, b: nDCG 1, AUC 1. The teacher, of the same two: b, a: 0.6309 and 0.
    # bad orders c, a: 0.6309 and 0; the teacher would gain there, but the best miner counts.
    candidates = pl.concat([mined("good", "a", "b"), mined("bad", "c", "a")])
    found = quality(ANSWERS, candidates, QRELS)
    assert found["ndcg_loss"].value == pytest.approx(1 - 0.6309, abs=1e-4)
    assert found["ndcg_loss"].note == "0.631 over what good found, whose own order has 1.000"
    assert found["auc_loss"].value == 1.0


def test_a_teacher_that_orders_as_the_miner_loses_nothing_and_a_better_one_gains():
    same, worse = mined("m", "b", "a", "c", "d"), mined("m", "d", "c", "b", "a")
    assert quality(ANSWERS, same, QRELS)["ndcg_loss"].value == 0
    assert quality(ANSWERS, worse, QRELS)["ndcg_loss"].value < 0
    assert quality(ANSWERS, worse, QRELS)["auc_loss"].value == pytest.approx(-2 / 3)


def test_zeros_have_half_of_auc_and_no_positive_above():
    found = quality(ANSWERS.with_columns(score=pl.lit(0.0)), mined("m", "a", "b"), QRELS)
    assert (found["auc"].value, found["positives_above"].value) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("answers", "candidates", "qrels", "check", "reason"),
    [
        (ANSWERS, mined("m", "a"), QRELS.clear(), "ndcg", "no dev query is judged"),
        (ANSWERS.head(1), mined("m", "a"), QRELS, "auc", "no dev query has both"),
        (ANSWERS, mined("m", "a"), QRELS, "auc_loss", "no dev query has both"),
        (ANSWERS, mined("m", "a").clear(), QRELS, "ndcg_loss", "no miner proposed"),
    ],
)
def test_what_cannot_be_measured_says_why(answers, candidates, qrels, check, reason):
    found = quality(answers, candidates, qrels)[check]
    assert found.value is None
    assert reason in found.note
