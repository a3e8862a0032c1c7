"""The leaderboard and the report as text: for a terminal, a diff, a pull request."""

from collections.abc import Mapping

from models.reporting import findings, wording
from models.reporting.contents import Contents
from models.reporting.decision_rows import listed
from models.reporting.leaderboard import Leaderboard
from models.reporting.rows import (
    aligned,
    cost_rows,
    distribution_rows,
    gate_rows,
    health_rows,
    provenance_rows,
    quality_rows,
    signal_rows,
    training_rows,
)


def leaderboard(board: Leaderboard) -> str:
    """What ``distill run`` prints: quality, cost, and every comparison with the control."""
    compared = [f"- {row['system']} {findings.against(row)}" for row in board.comparisons]
    lines = [
        aligned(quality_rows(board), numbers=False),
        "",
        aligned(cost_rows(board)),
        "",
        f"{board.main} on the {board.queries:,} judged queries of the split {board.split}:",
        "",
        *compared,
        "",
        *_own(board),
        *_remarks(board),
        findings.legend(board),
    ]
    return "\n".join(lines) + "\n"


def _remarks(board: Leaderboard) -> list[str]:
    if not board.remarks:
        return []
    return ["What these numbers leave out:", "", *(f"- {remark}" for remark in board.remarks), ""]


def _own(board: Leaderboard) -> list[str]:
    rows = board.own_comparisons
    if not rows:
        return []
    said = [f"- {row['system']} {findings.against(row)}: {findings.verdict(row)}" for row in rows]
    return ["Students against the control that their settings name:", "", *said, ""]


def report(contents: Contents) -> str:
    """Everything in the HTML report but the pictures."""
    sections = [
        f"# {contents.title}",
        findings.finding(contents.board),
        "## Leaderboard",
        leaderboard(contents.board).strip(),
        "## Answer key",
        aligned(distribution_rows(contents)) if contents.distributions else "No teacher answered.",
        "## Teacher gate",
        aligned(gate_rows(contents), numbers=False) if contents.gate.num_rows else "No teacher was checked.",
        "## Decisions on negatives",
        listed(contents.audits),
        "## Training",
        aligned(training_rows(contents)) if contents.panels else "No student was trained.",
        "## Signs of a training gone wrong",
        aligned(signal_rows(contents), numbers=False) if contents.signals else "None was measured.",
        "## Clusters",
        aligned(health_rows(contents)) if contents.health else "Nothing was clustered.",
        *(f"## {heading}\n\n{_list(facts)}" for heading, facts in contents.facts.items()),
        "## How each number was made",
        "\n".join(f"- **{name}.** {text}" for name, text in findings.methods(contents.board).items()),
        "## What was reused and what ran",
        aligned(provenance_rows(contents), numbers=False) if contents.provenance else "Not recorded.",
    ]
    return "\n\n".join(sections) + "\n"


def _list(facts: Mapping[str, object]) -> str:
    return "\n".join(f"- {wording.spoken(name)}: {wording.fact(value)}" for name, value in facts.items())
