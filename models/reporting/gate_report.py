"""The gate's own report on one teacher: what was measured, against which limit, and what to do about it.

A run that a gate stops never reaches its report, so the stage that measures writes this one. It says the
same in HTML (self-contained, opens offline) and Markdown. Equal verdicts are equal bytes. It knows nothing
of the other reports: a change of the leaderboard asks no teacher again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.gate.limits import GateConfig, limits
from models.gate.remedies import REMEDIES
from models.gate.verdicts import BOUND, FAIL, PASS, SKIPPED, number
from models.reporting import wording
from models.reporting.style import CSS

ORDER = (FAIL, PASS, SKIPPED)
HEADING = ["check", "value", "limit", "verdict", "seen"]
SKIPPED_MEANS = "Skipped: there was nothing to check, which is not passed."
FIELDS = {check: field for check, (field, _) in limits(GateConfig()).items()}
TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ it.title }}</title>
<style>{{ css | safe }}
td.fail { color:var(--control); font-weight:600; } td.skipped { color:var(--soft); }
td.seen { white-space:normal; min-width:18rem; }
</style>
</head>
<body>
<header>
<h1>{{ it.title }}</h1>
<p class="lead">{{ it.finding }}</p>
</header>

<h2>Checks</h2>
<div class="wide"><table class="words"><thead><tr>
{%- for cell in heading %}<th>{{ cell }}</th>{% endfor %}</tr></thead><tbody>
{% for check, value, limit, verdict, seen in it.rows %}<tr><td>{{ check }}</td><td>{{ value }}</td>
<td>{{ limit }}</td><td class="{{ verdict }}">{{ verdict }}</td><td class="seen">{{ seen }}</td></tr>
{% endfor %}</tbody></table></div>
<p class="note">{{ skipped }}</p>

<h2>What to do</h2>
{% for each in it.advice %}<h3>{{ each.check }}</h3>
<p>{{ each.remedy }}</p>
<p class="note">{{ each.setting }}: {{ each.meaning }}</p>
{% endfor %}<p>{{ it.next }}</p>
</body>
</html>
"""


@dataclass(frozen=True)
class Advice:
    """What to do about one check that fell short."""

    check: str
    remedy: str
    setting: str
    meaning: str


@dataclass(frozen=True)
class GateReport:
    """Everything in the report."""

    title: str
    finding: str
    rows: list[list[str]]
    advice: Sequence[Advice]
    next: str


def gate_report(teacher: str, verdicts: Iterable[Mapping[str, Any]]) -> GateReport:
    """Gather what is told of a teacher from its rows of the table ``gate``; what fell short comes first."""
    rows = sorted(verdicts, key=lambda row: ORDER.index(row["verdict"]))
    short = [row["check"] for row in rows if row["verdict"] == FAIL]
    made = sum(row["verdict"] != SKIPPED for row in rows)
    checks = f"{made:,} check{'' if made == 1 else 's'}"
    names = ", ".join(map(wording.spoken, short))
    return GateReport(
        title=f"Teacher gate: {teacher} {'failed' if short else 'passed'}",
        finding=f"{len(short):,} of {checks} fell short: {names}."
        if short
        else f"None of {checks} fell short.",
        rows=[_cells(row) for row in rows],
        advice=[_advice(check) for check in short],
        next="Mend the teacher and run again: what is not affected is reused. Who knows why a number is as "
        'it is may move its limit, or set gate.on_failure = "warn" to go on in spite of it.'
        if short
        else "Nothing: students may learn from this teacher.",
    )


def markdown(report: GateReport) -> str:
    """The report as text: a list, for what was seen may be longer than a line."""
    checks = [
        f"- {verdict}: **{check}** {value}, {limit} ({seen})"
        for check, value, limit, verdict, seen in report.rows
    ]
    advice = [
        f"### {each.check}\n\n{each.remedy}\n\n`{each.setting}`: {each.meaning}" for each in report.advice
    ]
    sections = [
        f"# {report.title}",
        report.finding,
        "## Checks",
        "\n".join(checks),
        SKIPPED_MEANS,
        "## What to do",
        *advice,
        report.next,
    ]
    return "\n\n".join(sections) + "\n"


def html(report: GateReport) -> str:
    """The report as a page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(TEMPLATE).render(
        it=report, css=CSS, heading=HEADING, skipped=SKIPPED_MEANS
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    bound = BOUND[FIELDS[row["check"]][:3]]
    value = wording.NOTHING if row["value"] is None else number(row["value"])
    limit = f"{bound} {number(row['limit'])}"
    return [wording.spoken(row["check"]), value, limit, row["verdict"], row["note"]]


def _advice(check: str) -> Advice:
    field = FIELDS[check]
    meaning = GateConfig.model_fields[field].description or ""
    return Advice(wording.spoken(check), REMEDIES[check], f"gate.{field}", meaning)
