import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.reporting.axes import Axis, around

VALUES = st.floats(-1e6, 1e6)


@given(low=VALUES, high=VALUES)
def test_ticks_are_few_round_and_within_the_range(low, high):
    assume(high - low > 1e-3)
    ticks = Axis(low, high, 0.0, 100.0).ticks(most=6)
    assert 1 <= len(ticks) <= 7
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    assert steps == pytest.approx(steps[:1] * len(steps), rel=1e-6)


@given(values=st.lists(st.floats(0.01, 1e4), min_size=1), log=st.booleans())
def test_an_axis_around_values_holds_them_all(values, log):
    axis = around(values, 10.0, 110.0, log=log)
    assert all(10 <= axis(value) <= 110 for value in values)


def test_pixels_worked_by_hand():
    # A quarter of 0…10 between 100 and 200; upside down; the middle power of 1…100.
    assert Axis(0.0, 10.0, 100.0, 200.0)(2.5) == 125.0
    assert Axis(0.0, 10.0, 200.0, 100.0)(2.5) == 175.0
    assert Axis(1.0, 100.0, 0.0, 50.0, log=True)(10.0) == 25.0


def test_many_powers_of_ten_leave_only_the_powers():
    assert Axis(0.5, 20000.0, 0.0, 1.0, log=True).ticks() == [1.0, 10.0, 100.0, 1000.0, 10000.0]
