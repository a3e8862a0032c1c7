import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from models.losses.rank_margins import rank_margins

LISTS = st.lists(
    st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=6, unique=True), min_size=1, max_size=5
)


@given(LISTS, st.integers(2, 6), st.integers(1, 10), st.integers(-500, 500))
def test_they_are_in_units_of_the_score_and_know_no_zero(lists, k, unit, zero):
    base, gap = rank_margins(lists, k)
    moved = rank_margins([[unit * score + zero for score in scores] for scores in lists], k)
    assert moved == pytest.approx((unit * base, unit * gap))


@given(LISTS, st.integers(2, 6))
def test_the_order_within_a_list_is_of_no_matter(lists, k):
    assert rank_margins([scores[::-1] for scores in lists], k) == rank_margins(lists, k)


def test_worked_by_hand():
    # from best to third: 900 - 300 = 600, 500 - 100 = 400, of a list of two 90 - 10 = 80: the median is 400
    lists = [[900.0, 600.0, 300.0, 0.0], [200.0, 500.0, 100.0], [10.0, 90.0]]
    assert rank_margins(lists, k=3) == pytest.approx((400, 400 / 3))


def test_lists_of_equal_scores_do_not_count():
    assert rank_margins([[5.0, 5.0], [5.0, 2.0]], k=2) == (3.0, 1.0)


@pytest.mark.parametrize("lists", [[], [[7.0]], [[7.0, 7.0], [0.0, 0.0]]])
def test_without_a_scale_there_are_no_margins(lists):
    with pytest.raises(ConfigError, match="the base scores all passages alike"):
        rank_margins(lists, k=2)
