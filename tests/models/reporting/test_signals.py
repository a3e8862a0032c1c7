import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reporting.signals import SIGNALS, Seen, seen

values = st.lists(st.floats(0, 1), min_size=1, max_size=4)


@given(st.sampled_from(sorted(SIGNALS)), values)
def test_a_signal_is_the_mean_over_the_trainings_of_one_name(name, found):
    (told,) = seen([("gdr", {name: value}) for value in found])
    assert told.value == pytest.approx(sum(found) / len(found))


@given(st.sampled_from(sorted(SIGNALS)))
def test_every_signal_has_one_limit_and_says_something(name):
    signal = SIGNALS[name]
    assert (signal.at_least is None) != (signal.at_most is None)
    assert signal.says
    assert signal.limit


def test_trainings_are_told_apart_and_other_notes_are_left_out():
    told = seen([("a", {"filter_rate": 0.2, "steps": 9.0}), ("b", {"filter_rate": 0.4, "note": "text"})])
    assert told == [Seen("a", "filter_rate", 0.2), Seen("b", "filter_rate", 0.4)]
    assert [each.verdict for each in told] == ["fine", "look at this"]


def test_nothing_noted_is_no_signal():
    assert seen([("a", {}), ("b", {"loss": 1.0})]) == []
