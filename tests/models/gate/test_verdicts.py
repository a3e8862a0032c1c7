import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SchemaError
from data.schemas import GATE
from models.gate.limits import GateConfig, limits
from models.gate.verdicts import Finding, failed, judge, verdict_message

CONFIG = GateConfig()
# Every check at its limit: as bad as it may be.
ENOUGH = {check: Finding(limit, "as it may be") for check, (_, limit) in limits(CONFIG).items()}


def rows(**changes):
    return judge("ce", ENOUGH | changes, CONFIG).to_pylist()


def test_a_teacher_that_just_keeps_every_limit_passes_and_there_is_nothing_to_say():
    assert {row["verdict"] for row in rows()} == {"pass"}
    assert failed(rows()) == []
    assert verdict_message(rows()) == ""


@given(st.sampled_from(sorted(ENOUGH)), st.floats(min_value=1e-6, max_value=10))
def test_a_check_fails_on_the_wrong_side_of_its_limit_and_only_it(check, gap):
    field, limit = limits(CONFIG)[check]
    worse, better = (limit - gap, limit + gap) if field.startswith("min") else (limit + gap, limit - gap)
    assert failed(rows(**{check: Finding(worse, "")})) == [check]
    assert failed(rows(**{check: Finding(better, "")})) == []


def test_a_check_that_could_not_be_made_is_skipped_with_its_reason_and_not_passed():
    (row,) = (row for row in rows(auc=Finding(None, "nobody judged")) if row["check"] == "auc")
    assert (row["verdict"], row["value"], row["limit"]) == ("skipped", None, 0.6)
    assert row["note"] == "nobody judged"


def test_the_table_has_the_columns_of_its_contract():
    assert judge("ce", ENOUGH, CONFIG).schema.equals(GATE.columns)


def test_the_message_names_every_number_that_fell_short_once_what_was_expected_and_the_settings():
    short = {"ties": Finding(1.0, "9 of 9"), "auc": Finding(0.5, "over 3 dev queries")}
    both = [*rows(**short), *judge("other", ENOUGH | {"ties": Finding(0.75, "")}, CONFIG).to_pylist()]
    message = verdict_message(both)
    assert message == (
        "gate: found ce: auc 0.5 (over 3 dev queries); ce: ties 1 (9 of 9); other: ties 0.75 (); "
        "expected auc at least 0.6, ties at most 0.5. Students would learn this: mend the teacher, "
        'or change gate.min_auc, gate.max_ties, or set gate.on_failure = "warn".'
    )


@pytest.mark.parametrize(
    "findings", [{k: v for k, v in ENOUGH.items() if k != "ties"}, ENOUGH | {"mood": Finding(1.0, "")}]
)
def test_a_check_that_was_forgotten_is_an_error_and_not_a_pass(findings):
    with pytest.raises(SchemaError, match=r"no finding or no limit for (ties|mood)"):
        judge("ce", findings, CONFIG)
