import pytest

from data.schemas import CLUSTER_HEALTH, COSTS, GATE, METRICS
from data.tables import from_rows
from models.reporting.contents import Contents, Distribution, Panel, ProvenanceRow
from models.reporting.decisions import Audit, Example
from models.reporting.leaderboard import System, leaderboard

EXAMPLE = Example(
    rule="same_text",
    action="drop",
    qid="q1",
    query="where are <rocks>",
    pid="p2",
    passage="here are <rocks>",
    score=-5.0,
    rank=2,
    positive_pid="p1",
    positive="here are  <rocks>",
    positive_score=-5.0,
    spread=2.5,
    limit=0.0,
)
SYSTEMS = [
    System("bm25", "bm25", "baseline"),
    System("teacher:minilm", "teacher:minilm", "teacher"),
    System("hard/0", "hard", "student"),
    System("kl/0", "kl", "student"),
    System("kl/1", "kl", "student"),
]
# Per query: q1 and q2.
VALUES = {
    "bm25": (0.2, 0.4),
    "teacher:minilm": (0.8, 1.0),
    "hard/0": (0.5, 0.5),
    "kl/0": (0.6, 0.8),
    "kl/1": (0.8, 0.8),
}


def metrics_of(values, measure="nDCG@10"):
    rows = [
        (system, "test", measure, qid, value)
        for system, (one, two) in values.items()
        for qid, value in (("q1", one), ("q2", two), (None, (one + two) / 2))
    ]
    return from_rows(rows, METRICS)


@pytest.fixture
def systems():
    return list(SYSTEMS)


@pytest.fixture
def metrics():
    retention = [(f"kl/{seed}", "test", "retention(nDCG@10)", None, 0.9) for seed in (0, 1)]
    rows = [tuple(row.values()) for row in metrics_of(VALUES).to_pylist()]
    rows += [tuple(row.values()) for row in metrics_of(VALUES, "RR@10").to_pylist()]
    return from_rows(rows + retention, METRICS)


@pytest.fixture
def costs():
    rows = [
        ("bm25", "encode_ms", 0.0),
        ("bm25", "search_ms", 0.5),
        ("teacher:minilm", "search_ms", 40.0),
        ("hard/0", "encode_ms", 2.0),
        ("hard/0", "search_ms", 1.0),
        ("kl/0", "encode_ms", 2.0),
        ("kl/0", "parameters", 12_000_000.0),
        ("kl/1", "encode_ms", 4.0),
        ("kl/1", "parameters", 12_000_000.0),
        ("kl/0", "train_s", 10.0),
        ("kl/1", "train_s", 20.0),
    ]
    return from_rows(rows, COSTS)


@pytest.fixture
def board(systems, metrics, costs):
    return leaderboard(systems, metrics, costs, "nDCG@10", "hard")


@pytest.fixture
def contents(board):
    gate = [
        ("minilm", "auc", 0.93, 0.6, "pass", "of 150 queries"),
        ("minilm", "ties", 0.75, 0.5, "fail", "of 9,000 pairs"),
        ("minilm", "truncated", None, 0.5, "skipped", "it does not truncate"),
    ]
    health = [(0, "clusters", 3.0), (0, "balance", 0.91), (1, "clusters", 7.0)]
    return Contents(
        title="Rivers & <rocks>",
        board=board,
        distributions=[Distribution("minilm", [0.0, 1.0, 2.0], [1, 3], [3, 1], (1.5, 0.5))],
        audits=[Audit("minilm", [("same_text", "drop", 1, 1)], [EXAMPLE])],
        panels=[Panel("kl", "loss", {"0": [(1, 4.0), (10, 1.0)], "1": [(1, 5.0), (10, 2.0)]})],
        gate=from_rows(gate, GATE),
        health={"": from_rows(health, CLUSTER_HEALTH)},
        facts={"Generated queries": {"keep_rate": 0.625}},
        provenance=[
            ProvenanceRow(stage="train_student", of="kl/0", status="ran", key="abcdef", seconds=12.5)
        ],
    )
