from models.reporting.decision_rows import count_rows, listed
from models.reporting.decisions import Audit, Example

EXAMPLE = Example(
    rule="same_text",
    action="drop",
    qid="q1",
    query="where is it",
    pid="p2",
    passage="it is here",
    score=-5.0,
    rank=2,
    positive_pid="p1",
    positive="it is\nhere",
    positive_score=-5.0,
    spread=2.5,
    limit=-0.0,
)
FOUND = Audit("minilm", [("rank(1)", "relabel", 1200, 900), ("same_text", "drop", 1, 1)], [EXAMPLE])


def test_counts_as_rows():
    assert count_rows(FOUND) == [
        ["rule", "action", "decisions", "queries"],
        ["rank(1)", "relabel", "1,200", "900"],
        ["same_text", "drop", "1", "1"],
    ]


def test_the_audit_in_markdown():
    assert listed([FOUND]).split("\n") == [
        "By minilm:",
        "",
        "| rule      | action  | decisions | queries |",
        "|:----------|:--------|:----------|:--------|",
        "| rank(1)   | relabel | 1,200     | 900     |",
        "| same_text | drop    | 1         | 1       |",
        "",
        "### 1. same_text: drop",
        "",
        "- query q1: where is it",
        "- passage p2: it is here",
        "- known answer p1: it is here",
        "- scores: -5.00, rank 2; the answer's -5.00; difference .00; spread of the query 2.50",
        "- limit: 0",
    ]


def test_what_is_missing_is_said():
    assert listed([]) == "No decision was made."
    assert listed([Audit("minilm", [], [])]) == "No decision by minilm."
