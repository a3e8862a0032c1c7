import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.errors import ConfigError
from models.blending import Affine, Fitted, Mean, MinMaxMean
from models.teacher import Teacher
from models.teachers.ensemble import EnsembleConfig, EnsembleTeacher, blocks, write_weights


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
    assert (config.is_stored, config.can_be_probed, config.asks) == (False, False, ("a", "b"))
    with pytest.raises(ConfigError, match=r"teachers.both: found a teacher that texts alone do not open"):
        config.load(None, [], [])


def test_an_ensemble_is_opened_over_its_members_and_the_weights_of_its_rule(tmp_path):
    members = {"other": Known(BLUNT), "blunt": Known(BLUNT), "sharp": Known(SHARP)}
    given = EnsembleConfig(name="both", members=("sharp", "blunt")).over(members, None)
    assert given.score(QUERY_ROWS, PASSAGE_ROWS).tolist() == [0.5, 0.25, 1.0, 0.0, 0.5]
    fitted = EnsembleConfig(name="both", members=("sharp", "blunt"), blend=Fitted())
    assert (given.weights, fitted.is_fitted) == (None, True)
    write_weights(tmp_path / "weights.json", fitted.members, {"blunt": 0.1, "sharp": 2.0})
    assert fitted.over(members, tmp_path / "weights.json").weights == {"sharp": 2.0, "blunt": 0.1}
    # What the members are called decides nothing.
    renamed = fitted.model_copy(update={"members": ("other", "blunt")})
    write_weights(tmp_path / "again.json", renamed.members, {"blunt": 0.1, "other": 2.0})
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "weights.json").read_bytes()


@given(st.integers(1, 9))
def test_blocks_hold_whole_queries_and_all_of_them(size):
    rows = np.sort(np.random.default_rng(0).integers(0, 20, 60))
    found = [rows[some] for some in blocks(rows, size)]
    assert np.concatenate(found).tolist() == rows.tolist()
    queries = [set(some.tolist()) for some in found]
    assert all(len(some) == size for some in queries[:-1])
    assert sum(map(len, queries)) == len(set(rows.tolist()))


def test_a_pair_is_known_if_all_members_know_it():
    class Partly(Known):
        def knows(self, query_rows, passage_rows):
            return passage_rows > 0

    both = EnsembleTeacher({"sharp": Known(SHARP), "part": Partly(BLUNT)}, Mean())
    assert both.knows(QUERY_ROWS, PASSAGE_ROWS).tolist() == [True, True, False, False, True]
    over = EnsembleTeacher({"both": both, "sharp": Known(SHARP)}, Mean())
    assert over.knows(QUERY_ROWS, PASSAGE_ROWS).tolist() == [True, True, False, False, True]


def test_an_ensemble_takes_as_long_as_its_members_together():
    class Timed(Known):
        def __init__(self, scores, pair_s):
            super().__init__(scores)
            self.pair_s = pair_s

        def seconds(self, pairs):
            return self.pair_s and self.pair_s * pairs

    def seconds(one, two):
        made = EnsembleTeacher({"one": Timed(SHARP, one), "two": Timed(BLUNT, two)}, Mean())
        return EnsembleTeacher({"inner": made, "one": Timed(SHARP, 1.0)}, Mean()).seconds(10)

    assert seconds(2.0, 3.0) == 60
    assert seconds(2.0, None) is None
    measured = ensemble(Mean())
    assert measured.seconds(10) == 0
    measured.score(QUERY_ROWS, PASSAGE_ROWS)
    assert measured.seconds(10) == pytest.approx(2 * measured.seconds(5))
    assert measured.seconds(10) > 0


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
        (
            {"members": ("a", "b"), "template": "{text}"},
            "template: found '{text}'; expected none, for an ensemble reads no text. .* members: a, b",
        ),
    ],
)
def test_members_that_make_no_ensemble_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        EnsembleConfig(name="both", **settings)


def test_settings_that_were_written_out_are_read_back():
    config = EnsembleConfig(name="both", members=("a", "b"))
    assert EnsembleConfig.model_validate_json(config.model_dump_json()) == config
