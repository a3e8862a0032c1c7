import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.splits import carve, places, sample

PLACES = [10_122_217_017_014_951_803, 3_420_197_386_905_928_063, 17_136_063_279_408_165_194]
IDS = st.lists(st.text(max_size=8), unique=True, max_size=40)


def chosen(mark, ids, *arguments):
    return {identifier for identifier, is_chosen in zip(ids, mark(ids, *arguments), strict=True) if is_chosen}


@given(ids=IDS, more=IDS, fraction=st.floats(0, 1, exclude_max=True))
def test_adding_rows_never_moves_others_into_or_out_of_dev(ids, more, fraction):
    together = list(dict.fromkeys([*more, *ids]))
    assert chosen(carve, ids, fraction) == chosen(carve, together, fraction) & set(ids)


@given(ids=IDS, smaller=st.floats(0, 0.5), larger=st.floats(0.5, 1, exclude_max=True))
def test_a_larger_fraction_keeps_what_a_smaller_one_took(ids, smaller, larger):
    assert chosen(carve, ids, smaller) <= chosen(carve, ids, larger)


@given(ids=IDS, smaller=st.integers(0, 20), larger=st.integers(20, 50))
def test_a_sample_has_its_size_and_holds_every_smaller_one(ids, smaller, larger):
    assert len(chosen(sample, ids, smaller)) == min(smaller, len(ids))
    assert (
        chosen(sample, ids, smaller) <= chosen(sample, ids, larger) <= chosen(sample, ids, None) == set(ids)
    )


@given(ids=IDS, one=st.text(max_size=8), limit=st.integers(1, 10))
def test_one_more_id_pushes_at_most_one_out_of_a_sample(ids, one, limit):
    before = chosen(sample, ids, limit)
    after = chosen(sample, list(dict.fromkeys([one, *ids])), limit)
    assert len(before - after) <= 1
    assert after - before <= {one}


@given(ids=IDS, order=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(ids, order):
    shuffled = order.sample(ids, len(ids))
    assert chosen(sample, ids, 5) == chosen(sample, shuffled, 5)
    assert chosen(carve, ids, 0.3) == chosen(carve, shuffled, 0.3)


def test_fractions_and_choices_are_what_they_claim():
    ids = [f"q{number}" for number in range(20_000)]
    dev = carve(ids, 0.1)
    # Binomial: 2,000 expected, standard deviation sqrt(20000 · .1 · .9) = 42.
    assert dev.sum() == pytest.approx(2_000, abs=130)
    # Sampling uses another salt: of a sampled half, a tenth is dev, not all or none.
    assert (dev & sample(ids, 10_000)).sum() == pytest.approx(1_000, abs=90)


def test_places_are_those_of_earlier_versions():
    # Written down once: a change here would move queries between splits in every collection.
    assert places(["q1", "", "ß"], "salt").tolist() == PLACES
    assert places([], "salt").dtype == np.uint64
