"""The decisions on negatives as text: counts in a table, every example of the sample as a list."""

from collections.abc import Sequence

from models.reporting.decisions import Audit
from models.reporting.rows import Rows, aligned


def count_rows(found: Audit) -> Rows:
    """Decisions and queries of each rule, the heading first."""
    return [["rule", "action", "decisions", "queries"]] + [
        [rule, action, f"{rows:,}", f"{queries:,}"] for rule, action, rows, queries in found.counts
    ]


def listed(audits: Sequence[Audit]) -> str:
    """The audits in Markdown: the counts as a table, every example as a list."""
    return "\n\n".join(part for found in audits for part in _listed(found)) or "No decision was made."


def _listed(found: Audit) -> list[str]:
    if not found.counts:
        return [f"No decision by {found.teacher}."]
    parts = [f"By {found.teacher}:", aligned(count_rows(found), numbers=False)]
    for number, example in enumerate(found.examples, start=1):
        told = "\n".join(f"- {name}: {value}" for name, value in example.told().items())
        parts.append(f"### {number}. {example.heading}\n\n{told}")
    return parts
