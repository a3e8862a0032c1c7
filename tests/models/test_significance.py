from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from data import tables
from data.errors import SchemaError
from data.schemas import SIGNIFICANCE
from models.significance import PERMUTATIONS, compare, compare_pairs, holm, randomisation_p

DIFFERENCES = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(-1, 1, width=16)
)
P_VALUES = st.lists(st.floats(1e-6, 1), min_size=1, max_size=8).map(np.array)


@given(differences=DIFFERENCES)
def test_p_is_a_probability_and_never_zero(differences):
    p = randomisation_p(differences, permutations=500)
    assert ((p > 0) & (p <= 1)).all()


@given(differences=DIFFERENCES)
def test_p_does_not_depend_on_which_system_is_subtracted_from_which(differences):
    assert np.array_equal(
        randomisation_p(differences, permutations=500), randomisation_p(-differences, permutations=500)
    )


@given(differences=arrays.arrays(np.float64, st.integers(1, 8), elements=st.floats(-1, 1, width=16)))
def test_few_queries_are_tested_by_exact_enumeration(differences):
    patterns = [np.dot(signs, differences) for signs in product([-1, 1], repeat=len(differences))]
    extreme = np.mean(np.abs(patterns) >= abs(differences.sum()) - 1e-12)
    assert randomisation_p(differences[:, None])[0] == pytest.approx(extreme)


def test_p_agrees_with_scipy_on_small_and_large_samples():
    generator = np.random.default_rng(1)
    for queries, close in ((10, 1e-9), (200, 0.01)):
        differences = generator.normal(0.1, 1, queries)
        theirs = stats.permutation_test(
            (differences,),
            np.sum,
            permutation_type="samples",
            n_resamples=20_000,
            rng=np.random.default_rng(2),
        )
        assert randomisation_p(differences[:, None])[0] == pytest.approx(theirs.pvalue, abs=close)


def test_p_worked_by_hand():
    # Differences 3, 1: sums of the four sign patterns 4, 2, -2, -4; two are as far from 0 as 4.
    # Differences 0, 0: every pattern sums to 0, as observed.
    assert randomisation_p(np.array([[3.0, 0.0], [1.0, 0.0]])).tolist() == [0.5, 1.0]


def test_sampled_p_has_the_observed_pattern_among_them():
    p = randomisation_p(np.ones((200, 1)))
    assert p.tolist() == [1 / (PERMUTATIONS + 1)]


def test_holm_worked_by_hand():
    # Sorted: .01, .02, .03, .04 times 4, 3, 2, 1 are .04, .06, .06, .04; none may fall: .04, .06, .06, .06.
    assert holm(np.array([0.03, 0.01, 0.04, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])


@given(p_values=P_VALUES)
def test_holm_lies_between_no_correction_and_bonferroni(p_values):
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(1, len(p_values) * p_values)).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


def frame(**systems):
    rows = [
        (name, "RR@10", f"q{n}", value) for name, values in systems.items() for n, value in enumerate(values)
    ]
    schema = {"system": pl.String, "measure": pl.String, "qid": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_comparison_worked_by_hand():
    # better - control = +1, +1, 0: sums of patterns ±1 ±1 ±0 are 2, 0, 0, -2 (each twice): p = 4/8.
    # equal - control = 0, 0, 0: p = 1. Holm: 2 x .5 = 1, and 1.
    found = compare(frame(control=[0, 0, 1], better=[1, 1, 1], equal=[0, 0, 1]), "control")
    tables.check(found, SIGNIFICANCE)
    better, equal = found.to_pylist()
    assert better == {
        "system": "better",
        "control": "control",
        "measure": "RR@10",
        "difference": pytest.approx(2 / 3),
        "p_value": 0.5,
        "p_holm": 1.0,
        "wins": 2,
        "ties": 1,
        "losses": 0,
    }
    assert (equal["p_value"], equal["ties"]) == (1.0, 3)


def test_a_control_alone_is_compared_with_nothing():
    assert compare(frame(control=[0.0, 1.0]), "control").num_rows == 0


def test_systems_on_other_queries_are_refused():
    with pytest.raises(SchemaError, match="found RR@10 of student on fewer queries"):
        compare(frame(control=[0, 0, 1], student=[1, 1]), "control")
    with pytest.raises(SchemaError, match="found RR@10 of absent on fewer queries"):
        compare(frame(student=[1, 1]), "absent")


def test_pairs_are_one_family_and_each_is_compared_as_if_alone():
    generator = np.random.default_rng(0)
    systems = {"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.4}
    values = pl.DataFrame(
        [
            (name, "RR@10", f"q{query}", mean + float(noise))
            for name, mean in systems.items()
            for query, noise in enumerate(generator.normal(0, 0.2, 12))
        ],
        schema=["system", "measure", "qid", "value"],
        orient="row",
    )
    found = pl.DataFrame(compare_pairs(values, {"a": "b", "d": "c"}))
    alone = [
        compare(values.filter(pl.col("system").is_in(pair)), pair[1]) for pair in (["a", "b"], ["d", "c"])
    ]
    assert found["p_value"].to_list() == [each["p_value"][0].as_py() for each in alone]
    assert found["p_holm"].to_list() == holm(found["p_value"].to_numpy()).tolist()
    assert found.select("system", "control").rows() == [("a", "b"), ("d", "c")]


def test_no_pairs_are_an_empty_table():
    values = pl.DataFrame(schema={"system": str, "measure": str, "qid": str, "value": float})
    assert compare_pairs(values, {}).num_rows == 0
