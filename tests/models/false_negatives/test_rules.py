import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from models.false_negatives import AbovePositive, AbsoluteMargin, Rank, RuleChoice, SpreadMargin

CHOICE = TypeAdapter(RuleChoice)
EVERY = [
    ({"kind": "absolute_margin", "margin": 2, "against": "lowest"}, "absolute_margin(2.0, lowest)"),
    ({"kind": "spread_margin", "share": 0.25}, "spread_margin(0.25, highest)"),
    ({"kind": "rank", "at": 3, "action": "relabel"}, "rank(3)"),
    ({"kind": "above_positive"}, "above_positive(highest)"),
]


@pytest.mark.parametrize(("values", "label"), EVERY)
def test_a_kind_chooses_its_rule_and_the_label_tells_its_numbers(values, label):
    rule = CHOICE.validate_python(values)
    assert rule.label == label
    assert CHOICE.validate_python(rule.model_dump()) == rule


# Two pairs of a query with spread 2: b is -3 (lowest) and -1 (highest).
PAIRS = pl.DataFrame(
    {
        "score": [-1.5, -4.0],
        "lowest_score": [-3.0] * 2,
        "highest_score": [-1.0] * 2,
        "spread": [2.0] * 2,
        "rank": [2, 4],
    },
    schema_overrides={"score": pl.Float32, "lowest_score": pl.Float32, "highest_score": pl.Float32},
)


@pytest.mark.parametrize(
    ("rule", "limit", "decides"),
    [
        (AbsoluteMargin(margin=1), -1.0, [True, False]),  # -0.5 and -3
        (AbsoluteMargin(margin=1, against="lowest"), -1.0, [True, False]),  # 1.5 and -1, which is not above
        (SpreadMargin(share=1.5), -3.0, [True, False]),  # -0.5 and -3, which is not above
        (SpreadMargin(share=1.5, against="lowest"), -3.0, [True, True]),  # 1.5 and -1
        (Rank(at=3), 3.0, [True, False]),
        (AbovePositive(), 0.0, [False, False]),
        (AbovePositive(against="lowest"), 0.0, [True, False]),
    ],
    ids=lambda value: value.label if hasattr(value, "label") else "",
)
def test_rules_worked_by_hand(rule, limit, decides):
    found = PAIRS.select(limit=rule.limit(), decides=rule.decides())
    assert found["limit"].to_list() == [limit] * len(found)
    assert found["decides"].to_list() == decides


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "ratio", "of": 0.95}, "'absolute_margin', 'spread_margin', 'rank', 'above_positive'"),
        ({"kind": "absolute_margin", "margin": -1}, "greater than or equal to 0"),
        ({"kind": "absolute_margin", "margin": float("inf")}, "finite number"),
        ({"kind": "absolute_margin"}, "margin\n.*required"),
        ({"kind": "spread_margin", "share": float("nan")}, "finite number"),
        ({"kind": "rank", "at": 0}, "greater than 0"),
        ({"kind": "rank", "at": 1, "against": "lowest"}, "Extra inputs"),
        ({"kind": "above_positive", "against": "mean"}, "'lowest' or 'highest'"),
        ({"kind": "above_positive", "action": "keep"}, "'drop' or 'relabel'"),
    ],
)
def test_impossible_rules_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        CHOICE.validate_python(values)
