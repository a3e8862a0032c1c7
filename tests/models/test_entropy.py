import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data.errors import ConfigError
from models.entropy import Softened, sharpness_for_entropy

SCORES = st.lists(st.integers(-20, 20), min_size=2, max_size=6, unique=True)


def plainly(lists, sharpness):
    """Mean share of the entropy of equal odds, one list after the other."""
    shares = []
    for scores in lists:
        odds = np.exp(sharpness * (np.array(scores) - max(scores)))
        odds /= odds.sum()
        shares.append(-(odds * np.log(np.maximum(odds, 1e-300))).sum() / np.log(len(scores)))
    return np.mean(shares)


@given(st.lists(SCORES, min_size=1, max_size=5), st.floats(0.05, 0.95), st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_entropy_is_reached_whatever_the_scale_of_the_scores(lists, entropy, unit):
    scaled = [[unit * score for score in scores] for scores in lists]
    sharpness = sharpness_for_entropy(pl.Series(scaled, dtype=pl.List(pl.Float64)), entropy)
    assert plainly(scaled, sharpness) == pytest.approx(entropy, abs=1e-3)


@given(st.lists(SCORES, min_size=1, max_size=5), st.floats(0.01, 3), st.floats(1.01, 3))
def test_a_sharper_softmax_is_more_decided(lists, sharpness, factor):
    softened = Softened(pl.Series(lists, dtype=pl.List(pl.Float64)))
    assert softened.share(sharpness) == pytest.approx(plainly(lists, sharpness), abs=1e-9)
    assume(softened.share(sharpness) > 1e-9)
    assert softened.share(factor * sharpness) < softened.share(sharpness)


def test_entropy_worked_by_hand():
    # odds 3 : 1 have 3/4·log2(4/3) + 1/4·log2(4) = 0.311278 + 0.5 = 0.811278 bits, of 1 for equal odds:
    # scores 2·ln3 and 0 must be halved. A list of one passage does not count.
    labels = pl.Series([[2 * float(np.log(3)), 0.0], [7.0]], dtype=pl.List(pl.Float64))
    assert sharpness_for_entropy(labels, 0.8112781) == pytest.approx(0.5, abs=1e-4)


def test_what_no_temperature_gives_is_refused():
    # one of two lists is a tie, of entropy 1 at any temperature: the mean is never below 1/2
    labels = pl.Series([[1.0, 1.0], [5.0, 2.0]], dtype=pl.List(pl.Float32))
    assert 0 < sharpness_for_entropy(labels, 0.51) < 10
    with pytest.raises(ConfigError, match=r"entropy = 0.4: found 2 lists .* at least 0.5 .* Raise"):
        sharpness_for_entropy(labels, 0.4)
    with pytest.raises(ConfigError, match="found 0 lists"):
        sharpness_for_entropy(pl.Series([[1.0]], dtype=pl.List(pl.Float32)), 0.9)
