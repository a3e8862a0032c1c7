import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.schemas import CURVE
from data.tables import from_rows
from models.reporting.contents import BINS, distribution, panels

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=20)


def frames(positives, negatives):
    pairs = [(f"q{n}", "yes", float(score)) for n, score in enumerate(positives)]
    pairs += [(f"q{n}", "no", float(score)) for n, score in enumerate(negatives)]
    schema = {"qid": pl.String, "pid": pl.String, "score": pl.Float32}
    answers = pl.LazyFrame(pairs, schema=schema, orient="row")
    return answers, answers.filter(pl.col("pid") == "yes").select("qid", "pid")


@given(positives=SCORES, negatives=SCORES)
def test_every_score_is_counted_once_and_separation_is_that_of_all_pairs(positives, negatives):
    found = distribution(*frames(positives, negatives), "t")
    assert (sum(found.positives), sum(found.negatives)) == (len(positives), len(negatives))
    assert len(found.edges) == BINS + 1
    # Whole numbers fall into bins of their own, so that counting by bin loses nothing.
    wins = [np.sign(own - other) for own in positives for other in negatives]
    assert found.separation == pytest.approx((1 + np.mean(wins)) / 2)
    assert found.medians == (np.median(positives), np.median(negatives))


def test_a_pair_named_positive_twice_is_counted_once():
    answers, positives = frames([3], [1, 2])
    found = distribution(answers, pl.concat([positives, positives]), "t")
    assert (sum(found.positives), sum(found.negatives)) == (1, 2)


def test_one_score_alone_and_no_scores_are_drawn_too():
    assert sum(distribution(*frames([2], []), "t").positives) == 1
    empty = distribution(*frames([], []), "t")
    assert (sum(empty.positives), empty.separation, empty.edges[0]) == (0, 0.0, -0.5)


def test_seeds_share_a_panel_and_the_learning_rate_has_none():
    curves = {
        ("kl", "1"): from_rows([(2, "loss", 1.0), (1, "loss", 3.0), (1, "learning_rate", 1e-5)], CURVE),
        ("kl", "0"): from_rows([(1, "loss", 4.0)], CURVE),
        ("hard", "0"): from_rows([(1, "loss", 9.0)], CURVE),
    }
    hard, kl = panels(curves)
    assert (hard.student, kl.student, kl.measure) == ("hard", "kl", "loss")
    assert kl.lines == {"0": [(1, 4.0)], "1": [(1, 3.0), (2, 1.0)]}
