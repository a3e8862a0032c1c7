import pytest
from pydantic import ValidationError

from data.schemas import GATE, TableSchema
from models.gate.limits import GateConfig, limits


def test_every_field_has_a_default_and_says_what_it_is():
    for name, field in GateConfig.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name


def test_every_limit_names_one_check_and_follows_the_settings():
    bounds = limits(GateConfig(max_ties=0.25))
    assert bounds["ties"] == ("max_ties", 0.25)
    assert len(bounds) == sum(name.startswith(("min_", "max_")) for name in GateConfig.model_fields)


def test_stopping_or_warning_changes_no_verdict_so_it_enters_no_address(digests):
    from data.identity import canonical

    assert canonical(GateConfig(on_failure="warn"), digests) == canonical(GateConfig(), digests)
    assert canonical(GateConfig(max_ties=0.25), digests) != canonical(GateConfig(), digests)


def test_a_check_that_was_not_made_has_no_value():
    assert isinstance(GATE, TableSchema)
    assert [field.name for field in GATE.columns if field.nullable] == ["value", "limit"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_ties": 1.5}, "max_ties\n.*less than or equal to 1"),
        ({"max_order_drift": float("nan")}, "max_order_drift\n.*finite"),
        ({"on_failure": "ignore"}, "'stop' or 'warn'"),
        ({"max_tie": 0.5}, "max_tie\n.*Extra inputs"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        GateConfig(**values)
