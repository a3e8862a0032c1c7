import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import progress as module
from data.progress import Reached, listening, meter, progress


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@given(st.lists(st.integers()), st.one_of(st.none(), st.integers(1, 9)))
def test_a_bar_changes_nothing_of_what_it_shows(items, total):
    assert list(progress(items, "counting", "number", total)) == items


def test_a_listener_is_told_after_five_seconds_then_once_a_second_and_of_the_end(clock):
    told = []
    with listening(told.append), meter("scoring", "pair", 100) as bar:
        for _ in range(16):  # half a second each: told at 5, 6, 7 and 8 s
            clock.now += 0.5
            bar.update(5)
        bar.update(20)
    assert told == [Reached("scoring", "pair", done, 100) for done in (50, 60, 70, 80, 100)]
    assert [reached.percent for reached in told] == [50, 60, 70, 80, 100]


def test_short_work_is_not_worth_telling(clock):
    told = []
    with listening(told.append):
        assert list(progress(range(100), "counting", "number")) == list(range(100))
    assert told == []


def test_an_iterable_that_knows_its_length_needs_no_total(clock):
    told = []
    with listening(told.append):
        for _ in progress([1, 2, 3, 4], "counting", "number"):
            clock.now += 4
    assert told == [Reached("counting", "number", done, 4) for done in (2, 3, 4, 4)]


def test_nobody_listens_after_the_block(clock):
    told = []
    with listening(told.append):
        pass
    with meter("scoring", "pair", None) as bar:
        clock.now = 60
        bar.update(1)
    assert told == []


def test_a_bar_counts_where_there_is_no_terminal():
    with meter("training", "step", 10) as bar:
        bar.update(3)
        bar.update(4 - bar.n)
        assert bar.n == 4


def test_without_a_total_there_is_no_percentage():
    assert Reached("scoring", "pair", 7, None).percent is None
