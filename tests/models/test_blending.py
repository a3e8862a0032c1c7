import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from data.errors import ConfigError, SchemaError
from models.blending import Affine, BlendChoice, Fitted, Mean, MinMaxMean, Rrf, beside, blend

SCORES = st.lists(st.integers(-30, 30), min_size=6, max_size=6)


def answers(**members):
    """Two queries of three passages, scored by each member."""
    pairs = [(qid, pid) for qid in "qr" for pid in "abc"]
    rows = [
        (*pair, name, float(score))
        for name, scores in members.items()
        for pair, score in zip(pairs, scores, strict=True)
    ]
    schema = {"qid": pl.String, "pid": pl.String, "teacher": pl.String, "score": pl.Float32}
    return pl.DataFrame(rows, schema, orient="row")


def blended(rule, weights=None, **members):
    found = blend(answers(**members), list(members), rule, weights)
    assert found.select("qid", "pid").rows() == [(qid, pid) for qid in "qr" for pid in "abc"]
    return found["score"].to_numpy()


@given(SCORES, SCORES, st.sampled_from([lambda x: x**3, lambda x: 2 * x - 7, np.cbrt, np.arctan]))
def test_rrf_knows_only_the_order_that_a_member_gives(one, other, increasing):
    changed = increasing(np.array(one, dtype=np.float64))
    np.testing.assert_array_equal(blended(Rrf(), s=one, t=other), blended(Rrf(), s=changed, t=other))


@given(SCORES, SCORES, st.integers(1, 9), st.integers(-50, 50))
def test_min_max_mean_and_affine_do_not_know_a_members_unit_or_zero(one, other, unit, zero):
    changed = [unit * score + zero for score in one]
    for rule in (MinMaxMean(), Affine(weights={"s": 2.0, "t": 0.5})):
        found, again = blended(rule, s=one, t=other), blended(rule, s=changed, t=other)
        np.testing.assert_allclose(again, found, atol=1e-5)


@given(SCORES, SCORES)
def test_the_order_of_rows_and_members_changes_nothing(one, other):
    rows = answers(s=one, t=other)
    for rule in (Mean(), MinMaxMean(), Rrf(), Affine(weights={"s": 2.0, "t": 0.5})):
        found = blend(rows, ["s", "t"], rule)
        assert blend(rows.reverse(), ["t", "s"], rule)["score"].to_list() == pytest.approx(
            found["score"].to_list()
        )


def test_worked_by_hand():
    # query q: s 4 2 0, t 1 1 3; query r: s 5 5 5, t 0 6 3
    members = {"s": [4, 2, 0, 5, 5, 5], "t": [1, 1, 3, 0, 6, 3]}
    np.testing.assert_allclose(blended(Mean(), **members), [2.5, 1.5, 1.5, 2.5, 5.5, 4.0])
    # min-max: s 1 ½ 0 | 0 0 0, t 0 0 1 | 0 1 ½
    np.testing.assert_allclose(blended(MinMaxMean(), **members), [0.5, 0.25, 0.5, 0, 0.5, 0.25])
    # ranks: s 1 2 3 | 1 2 3 (equal scores by pid), t 2 3 1 | 3 1 2
    ranks = [(1, 2), (2, 3), (3, 1), (1, 3), (2, 1), (3, 2)]
    np.testing.assert_allclose(blended(Rrf(), **members), [1 / (60 + s) + 1 / (60 + t) for s, t in ranks])
    # z: s ±√1.5, 0 | 0; t -1/√2 -1/√2 √2 | -√1.5 √1.5 0; weights 2 and 1
    root, half = 1.5**0.5, 0.5**0.5
    expected = [2 * root - half, -half, -2 * root + 2 * half, -root, root, 0]
    np.testing.assert_allclose(blended(Affine(weights={"s": 2, "t": 1}), **members), expected, atol=1e-6)
    np.testing.assert_allclose(blended(Fitted(), {"s": 2.0, "t": 1.0}, **members), expected, atol=1e-6)


def test_a_member_may_be_called_as_a_column():
    rows = answers(qid=[1] * 6, pid=[3] * 6)
    assert blend(rows, ["qid", "pid"], Mean())["score"].to_list() == [2.0] * 6
    assert beside(rows, ["qid", "pid"]).columns == ["qid", "pid", "member 0", "member 1"]


def test_the_scale_that_comes_out_is_declared():
    rules = (Mean(), MinMaxMean(), Rrf(), Affine(weights={"s": 1, "t": 1}), Fitted())
    assert [rule.scale(["logit", "logit"]) for rule in rules] == [
        "logit",
        "unit_range",
        "rank",
        "standard",
        "logit",
    ]
    assert Mean().scale(["logit", "cosine"]) == "unknown"


def test_only_a_mean_of_raw_scores_needs_one_scale():
    rules = (MinMaxMean(), Rrf(), Affine(weights={"s": 1, "t": 1}), Fitted())
    assert [rule.problem(["s", "t"], ["logit", "cosine"]) for rule in rules] == [""] * 4
    assert "expected one scale" in Mean().problem(["s", "t"], ["logit", "cosine"])
    assert Mean().problem(["s", "t"], ["unknown", "unknown"]) == ""


def test_a_pair_that_a_member_did_not_score_is_named():
    rows = answers(s=range(6), t=range(6)).filter(~((pl.col("teacher") == "t") & (pl.col("pid") == "b")))
    with pytest.raises(SchemaError, match=r"found 2 pairs that t did not score .* such as \(q, b\); .* s, t"):
        blend(rows, ["s", "t"], Mean())


def test_weights_that_nobody_fitted_are_refused():
    with pytest.raises(ConfigError, match="found no weights of t; expected the weights that blend_answers"):
        blended(Fitted(), {"s": 1.0}, s=range(6), t=range(6))


def test_a_kind_is_a_name_of_the_domain():
    choice = TypeAdapter(BlendChoice)
    assert choice.validate_python({"kind": "rrf"}) == Rrf(k=60)
    with pytest.raises(ValidationError, match="'mean', 'min_max_mean', 'rrf', 'affine', 'fitted'"):
        choice.validate_python({"kind": "sum"})
