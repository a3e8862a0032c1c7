import numpy as np
import pytest
from pydantic import ValidationError

from data.errors import ConfigError
from models.blending import Affine, Fitted, Mean, MinMaxMean
from models.teacher import Teacher
from models.teachers.ensemble import EnsembleConfig, EnsembleTeacher


class Known:
    """A teacher whose scores are a table [query, passage]."""

    def __init__(self, scores):
        self.scores = np.float32(scores)

    def score(self, query_rows, passage_rows):
        return self.scores[query_rows, passage_rows]

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


SHARP, BLUNT = [[8.0, 4.0, 0.0], [1.0, 2.0, 3.0]], [[1.0, 0.0, 1.0], [5.0, 5.0, 5.0]]
QUERY_ROWS, PASSAGE_ROWS = np.array([1, 0, 0, 1, 0]), np.array([2, 1, 0, 0, 2])


def ensemble(rule, weights=None):
    return EnsembleTeacher({"sharp": Known(SHARP), "blunt": Known(BLUNT)}, rule, weights)


def test_scores_are_blended_over_the_pairs_of_a_call_in_any_order():
    # query 0: sharp 8 4 0 → 1 ½ 0, blunt 1 0 1. Of query 1 passages 0 and 2 are asked: sharp 1 3 → 0 1,
    # blunt 5 5 → 0 0.
    found = ensemble(MinMaxMean()).score(QUERY_ROWS, PASSAGE_ROWS)
    assert found.tolist() == [0.5, 0.25, 1.0, 0.0, 0.5]
    assert isinstance(ensemble(Mean()), Teacher)


def test_a_pair_that_is_asked_twice_is_scored_as_if_once():
    again = ensemble(MinMaxMean()).score(np.append(QUERY_ROWS, 0), np.append(PASSAGE_ROWS, 1))
    assert again.tolist() == [0.5, 0.25, 1.0, 0.0, 0.5, 0.25]


def test_fitted_weights_are_used():
    # z of sharp over query 0: √1.5, 0, -√1.5; blunt has weight 0
    found = ensemble(Fitted(), {"sharp": 2.0, "blunt": 0.0}).score(np.zeros(3, np.int64), np.arange(3))
    np.testing.assert_allclose(found, [2 * 1.5**0.5, 0, -2 * 1.5**0.5], atol=1e-6)


def test_no_pairs_score_nothing():
    nothing = np.array([], dtype=np.int64)
    assert ensemble(Mean()).score(nothing, nothing).shape == (0,)


def test_an_ensemble_itself_is_never_loaded():
    config = EnsembleConfig(name="both", members=("a", "b"))
    assert (config.is_stored, config.can_be_asked) == (False, False)
    with pytest.raises(ConfigError, match=r"teachers.both: found an ensemble .* its members: a, b"):
        config.load(None, [], [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": ("a",)}, "at least 2 items"),
        ({"members": ("a", "b", "a")}, "found 'a' twice; expected the names of two other teachers"),
        ({"members": ("a", "both")}, "found 'both' as a member of itself"),
        (
            {"members": ("a", "b"), "blend": Affine(weights={"a": 1.0})},
            "weights of a; expected one for each of a, b",
        ),
    ],
)
def test_members_that_make_no_ensemble_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        EnsembleConfig(name="both", **settings)
