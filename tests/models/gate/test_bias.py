import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from models.gate.bias import length_correlation, mean_spearman, truncated

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20)


def lengths(scores, counts, qid="q"):
    passages = ["x" * count for count in counts]
    return pl.DataFrame({"qid": qid, "score": scores, "passage": passages}, strict=False)


@pytest.mark.reference
@given(PAIRS)
def test_rank_correlation_is_that_of_scipy(rows):
    left, right = zip(*rows, strict=True)
    found, queries = mean_spearman(pl.DataFrame({"qid": "q", "a": left, "b": right}), "a", "b")
    if len(set(left)) == 1 or len(set(right)) == 1:
        assert (found, queries) == (None, 0)
    else:
        assert found == pytest.approx(spearmanr(left, right).statistic)
        assert queries == 1


def test_a_score_that_is_the_length_correlates_fully_in_either_direction():
    counts = [5, 10, 20, 40]
    for scores in (counts, [-(count**2) for count in counts]):
        assert length_correlation(lengths(scores, counts)).value == pytest.approx(1)
    assert "shorter" in length_correlation(lengths([-count for count in counts], counts)).note


def test_worked_by_hand():
    # Ranks of the scores 1 2 3, of the lengths 2 1 3: rho = 1 - 6 (1 + 1 + 0) / (3 * 8) = 0.5.
    # Of the second query, 3 2 1 against 1 2 3: -1. Mean -0.25.
    first, second = lengths([1, 2, 3], [20, 10, 30]), lengths([9, 5, 2], [1, 2, 3], "r")
    found = length_correlation(pl.concat([first, second]))
    assert found.value == pytest.approx(0.25)
    assert found.note == "shorter passages score higher; mean over 2 queries"


def test_levels_of_queries_do_not_count():
    # Within each query score and length do not go together; over all pairs they do, by 0.95.
    low, high = lengths([0, 1, 2, 3], [12, 10, 13, 11]), lengths([100, 101, 102, 103], [92, 90, 93, 91], "r")
    together = pl.concat([low, high]).select("score", length=pl.col("passage").str.len_chars())
    assert np.corrcoef(together["score"], together["length"])[0, 1] > 0.95
    assert length_correlation(pl.concat([low, high])).value == pytest.approx(0)


@pytest.mark.parametrize("pairs", [lengths([1, 2], [1, 2]), lengths([1, 1, 1], [1, 2, 3]), lengths([], [])])
def test_what_does_not_vary_or_is_too_short_is_skipped(pairs):
    found = length_correlation(pairs.cast({"qid": pl.String, "score": pl.Float64, "passage": pl.String}))
    assert found.value is None
    assert "no query has 3 passages" in found.note


def test_a_text_at_the_limit_is_not_cut():
    found = truncated([255, 256, 257, 900], 256)
    assert (found.value, found.note) == (0.5, "2 of 4 exceed 256 tokens")
    assert truncated([], 256).value is None
