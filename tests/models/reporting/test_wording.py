import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reporting.wording import MINUS, decimal, fact, mark, p_value, quantity, signed, spoken


@given(value=st.floats(-2, 2))
def test_a_decimal_reads_back_as_the_rounded_number(value):
    assert float(decimal(value).replace(MINUS, "-")) == pytest.approx(round(value, 3), abs=1e-9)
    assert float(signed(value).replace(MINUS, "-")) == pytest.approx(round(value, 3), abs=1e-9)


@pytest.mark.parametrize(
    ("value", "plain", "difference"),
    [
        (0.7124, ".712", "+.712"),
        (-0.03, f"{MINUS}.030", f"{MINUS}.030"),
        (0.0, ".000", ".000"),
        (-0.0001, ".000", ".000"),
        (0.9996, "1.000", "+1.000"),
    ],
)
def test_decimals_have_no_leading_zero_and_nothing_has_no_sign(value, plain, difference):
    assert (decimal(value), signed(value)) == (plain, difference)


def test_marks_stand_for_p_below_five_and_one_percent():
    assert [mark(p) for p in (None, 0.5, 0.05, 0.0499, 0.01, 0.0099)] == ["", "", "", "†", "†", "‡"]
    assert [p_value(p) for p in (1.0, 0.05, 0.0001, 0.00009)] == ["1.0000", ".0500", ".0001", "< .0001"]


def test_quantities_show_three_digits():
    written = [quantity(value) for value in (0.0, 0.0444, 9.876, 98.76, 987.6, 98765.4)]
    assert written == ["0", "0.0444", "9.88", "98.8", "988", "98,765"]


def test_facts_of_any_form_are_written_in_words():
    assert spoken("keep_rate") == "keep rate"
    nested = {"train": {"human": 1200, "generated": 34567}, "lazy": False, "terms": ["k1", 1.5], "seed": None}
    assert fact(nested) == "train human 1,200 · generated 34,567 · lazy no · terms k1 · 1.50 · seed none"
