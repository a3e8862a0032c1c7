import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from data.errors import ConfigError
from models.targets import (
    KINDS,
    AffineTo,
    Factor,
    Identity,
    MinMax,
    TargetChoice,
    TemperatureForEntropy,
    ZScore,
)

LISTS = st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), min_size=1, max_size=4)


def lists(labels, dtype=pl.Float32):
    """Lists of distinct queries; the passages of list i are i0, i1, …"""
    return pl.DataFrame(
        {
            "query_id": [f"q{row}" for row in range(len(labels))],
            "document_ids": [
                [f"{row}{place}" for place in range(len(each))] for row, each in enumerate(labels)
            ],
            "label": pl.Series(labels, dtype=pl.List(dtype)),
        }
    )


def labels_of(target, labels, reference=None):
    return target.apply(lists(labels), reference)["label"].to_list()


@given(LISTS)
def test_min_max_spans_zero_to_one_and_a_constant_list_is_zero(labels):
    for found, given_ in zip(labels_of(MinMax(), labels), labels, strict=True):
        assert (min(found), max(found)) == ((0.0, 0.0) if len(set(given_)) == 1 else (0.0, 1.0))


@given(LISTS)
def test_z_has_mean_zero_and_spread_one_and_a_constant_list_is_zero(labels):
    for found, given_ in zip(labels_of(ZScore(), labels), labels, strict=True):
        assert np.mean(found) == pytest.approx(0, abs=1e-4)
        assert np.isfinite(found).all()
        spread = 0 if np.std(np.float64(given_)) < 1e-150 else 1
        assert np.std(found) == pytest.approx(spread, abs=1e-4)


def test_a_constant_list_is_zero_though_its_computed_mean_is_not_its_value():
    tenths = lists([[0.1, 0.1, 0.1]], pl.Float64)
    assert np.mean([0.1] * 3) != 0.1  # so that deviations and spread are not 0 either
    assert ZScore().apply(tenths)["label"].to_list() == [[0.0, 0.0, 0.0]]
    assert MinMax().apply(tenths)["label"].to_list() == [[0.0, 0.0, 0.0]]


@given(st.lists(st.lists(st.integers(-50, 50), min_size=3, max_size=3), min_size=2, max_size=4), st.data())
def test_affine_to_gives_the_mean_and_spread_of_the_reference(labels, data):
    count = 3 * len(labels)
    scores = data.draw(st.lists(st.integers(-9, 9), min_size=count, max_size=count, unique=True))
    taught = lists(labels)
    pairs = taught.select(qid="query_id", pid="document_ids").explode("pid")
    reference = pairs.with_columns(score=pl.Series(scores, dtype=pl.Float32))
    assume(len({each for row in labels for each in row}) > 1)
    found = AffineTo(reference="bm25").apply(taught, reference.lazy())["label"].explode().to_numpy()
    assert found.mean() == pytest.approx(np.mean(scores), abs=1e-3)
    assert found.std() == pytest.approx(np.std(scores), rel=1e-3)


def test_affine_to_worked_by_hand_counts_a_pair_once_and_only_if_both_scored_it():
    # Both scored two passages of each query. Teacher 8 8 4 4: mean 6, std 2; reference 1 2 1 2: mean 1.5,
    # std 0.5. t' = (t - 6) / 4 + 1.5: 8 → 2, 4 → 1, 0 → 0. The first list is there thrice, as in epochs.
    first, second = lists([[8.0, 8.0, 0.0], [4.0, 4.0]]).iter_slices(1)
    taught = pl.concat([first, first, second, first])
    rows = [("q0", "00", 1.0), ("q0", "01", 2.0), ("q1", "10", 1.0), ("q1", "11", 2.0), ("q9", "00", 50.0)]
    reference = pl.DataFrame(rows, ["qid", "pid", "score"], orient="row").lazy()
    found = AffineTo(reference="bm25").apply(taught, reference)
    thrice = [2.0, 2.0, 0.0]
    assert found["label"].to_list() == [thrice, thrice, [1.0, 1.0], thrice]
    assert found.drop("label").equals(taught.drop("label"))


def test_a_reference_that_says_nothing_is_refused():
    same = pl.DataFrame({"qid": ["q0", "q0"], "pid": ["00", "01"], "score": [3.0, 3.0]}).lazy()
    for reference, found in ((None, 0), (same.head(1), 1), (same, 2)):
        with pytest.raises(ConfigError, match=f"reference = 'bm25': found {found} pairs .* same score"):
            labels_of(AffineTo(reference="bm25"), [[8.0, 4.0, 0.0]], reference)


def test_temperature_for_entropy_is_one_factor_for_all_lists():
    # odds 3 : 1 in both lists at half the scores; see test_entropy
    ln3 = float(np.log(3))
    found = labels_of(TemperatureForEntropy(entropy=0.8112781), [[2 * ln3, 0.0], [1.0, 1.0 + 2 * ln3]])
    np.testing.assert_allclose(found, [[ln3, 0.0], [0.5, 0.5 + ln3]], atol=1e-4)


def test_worked_by_hand():
    labels = [[4.0, 1.0, -2.0]]
    assert labels_of(Identity(), labels) == labels
    assert labels_of(Factor(by=0.5), labels) == [[2.0, 0.5, -1.0]]
    assert labels_of(MinMax(), labels) == [[1.0, 0.5, 0.0]]
    # mean 1, std √6
    np.testing.assert_allclose(labels_of(ZScore(), labels), [[3 / 6**0.5, 0, -3 / 6**0.5]], rtol=1e-6)


@pytest.mark.parametrize(
    "target", [Identity(), Factor(by=2), MinMax(), ZScore(), TemperatureForEntropy(entropy=0.5)]
)
def test_labels_keep_their_type(target):
    assert target.apply(lists([[1.0, 2.0]])).schema["label"] == pl.List(pl.Float32)


def test_what_comes_out_is_declared():
    scales = [
        target.scale_after("cosine", "bm25")
        for target in (
            Identity(),
            Factor(by=20.0),
            MinMax(),
            ZScore(),
            AffineTo(reference="bm25"),
            TemperatureForEntropy(entropy=0.5),
        )
    ]
    assert scales == ["cosine", "logit", "unit_range", "standard", "bm25", "logit"]


def test_a_kind_is_a_name_of_the_domain():
    choice = TypeAdapter(TargetChoice)
    assert choice.validate_python({"kind": "factor", "by": 20}) == Factor(by=20.0)
    assert KINDS == ("identity", "factor", "min_max", "z", "affine_to", "temperature_for_entropy")
    with pytest.raises(ValidationError, match="'identity', 'factor', 'min_max', 'z', 'affine_to'"):
        choice.validate_python({"kind": "softmax"})
    with pytest.raises(ValidationError, match="less than 1"):
        TemperatureForEntropy(entropy=1.0)
