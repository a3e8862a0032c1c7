"""Findings against limits: a verdict on each check, and one message for all that fell short.

pass      min ≤ value or value ≤ max
fail      otherwise
skipped   there was nothing to check; the note says why
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from data.errors import SchemaError
from data.schemas import GATE
from data.tables import from_rows
from models.gate.limits import GateConfig, limits

PASS, FAIL, SKIPPED = "pass", "fail", "skipped"
BOUND = {"min": "at least", "max": "at most"}


@dataclass(frozen=True)
class Finding:
    """What a check found, and where; ``value`` is None for a check that could not be made."""

    value: float | None
    note: str


def judge(teacher: str, findings: Mapping[str, Finding], config: GateConfig) -> pa.Table:
    """Hold every finding against its limit (table ``gate``).

    Raises:
        SchemaError: a check that has a limit was not reported, or the other way round.
    """
    bounds = limits(config)
    if odd := sorted(bounds.keys() ^ findings.keys()):
        msg = f"gate: found no finding or no limit for {', '.join(odd)}; expected one of each per check."
        raise SchemaError(msg)
    rows: list[tuple[str, str, float | None, float, str, str]] = []
    for check, (field, limit) in bounds.items():
        found = findings[check]
        rows.append((teacher, check, found.value, limit, _verdict(found.value, field, limit), found.note))
    return from_rows(rows, GATE)


def _verdict(value: float | None, field: str, limit: float) -> str:
    if value is None:
        return SKIPPED
    fits = value >= limit if field.startswith("min_") else value <= limit
    return PASS if fits else FAIL


def failed(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the checks that failed, in the order of ``rows`` (of the table ``gate``)."""
    return [row["check"] for row in rows if row["verdict"] == FAIL]


def verdict_message(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say which numbers fell short, what was expected and what to do; empty if none did.

    Args:
        rows: of the table ``gate``, of one or several teachers.

    >>> row = {"teacher": "ce", "check": "ties", "value": 1.0, "limit": 0.5, "verdict": "fail", "note": "all"}
    >>> print(verdict_message([row]))
    gate: found ce: ties 1 (all); expected ties at most 0.5. Students would learn this: mend the teacher, or \
change gate.max_ties, or set gate.on_failure = "warn".
    """
    short = [row for row in rows if row["verdict"] == FAIL]
    if not short:
        return ""
    fields = {check: field for check, (field, _) in limits(GateConfig()).items()}
    found = "; ".join(
        f"{row['teacher']}: {row['check']} {number(row['value'])} ({row['note']})" for row in short
    )
    expected = dict.fromkeys(
        f"{row['check']} {BOUND[fields[row['check']][:3]]} {number(row['limit'])}" for row in short
    )
    settings = dict.fromkeys(f"gate.{fields[row['check']]}" for row in short)
    return (
        f"gate: found {found}; expected {', '.join(expected)}. Students would learn this: mend the teacher, "
        f'or change {", ".join(settings)}, or set gate.on_failure = "warn".'
    )


def number(value: float) -> str:
    """Write a value or a limit.

    >>> number(2.0), number(0.71239)
    ('2', '0.7124')
    """
    return f"{value:,.0f}" if value.is_integer() else f"{value:.4g}"
