import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.reporting.axes import Axis, around

VALUES = st.floats(-1e6, 1e6)


@given(low=VALUES, high=VALUES)
def test_ticks_are_all_multiples_of_a_round_step_within_the_range(low, high):
    assume(high - low > 1e-3)
    ticks = Axis(low, high, 0.0, 100.0).ticks(most=6)
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    # The smallest round step of which six fit; no room for another tick before the first or after the last.
    round_steps = [digit * 10.0**power for power in range(-5, 8) for digit in (1, 2, 5)]
    assume(all(abs((high - low) / step - 6) > 1e-6 for step in round_steps))
    step = next(step for step in round_steps if (high - low) / step < 6)
    assert steps == pytest.approx([step] * len(steps), rel=1e-6)
    assert ticks[0] - step < low + slack
    assert ticks[-1] + step > high - slack


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
