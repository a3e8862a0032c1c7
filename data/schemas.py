"""The tables of the pipeline, each declared once.

Every stage reads and writes these and nothing else. Identifiers are strings even when they
look like numbers; ranks start at 1; scores are raw logits unless named ``prob``; units live in
names. Tables are stored sorted by their key, so that equal content is equal bytes.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class TableSchema:
    """A table's contract: its columns, and which of them identify a row."""

    name: str
    columns: pa.Schema
    key: tuple[str, ...]


def _table(
    name: str, key: tuple[str, ...], nullable: tuple[str, ...] = (), **columns: pa.DataType
) -> TableSchema:
    fields = [pa.field(column, dtype, nullable=column in nullable) for column, dtype in columns.items()]
    return TableSchema(name=name, columns=pa.schema(fields), key=key)


TEXT = pa.string()

PASSAGES = _table("passages", ("pid",), pid=TEXT, title=TEXT, text=TEXT)
# origin: "human" or "generated"; split: "train", "dev", "test" or "unjudged".
QUERIES = _table(
    "queries", ("qid",), ("source_pid",), qid=TEXT, text=TEXT, origin=TEXT, source_pid=TEXT, split=TEXT
)
QRELS = _table("qrels", ("qid", "pid"), qid=TEXT, pid=TEXT, grade=pa.int16())
CANDIDATES = _table(
    "candidates",
    ("qid", "pid", "miner"),
    qid=TEXT,
    pid=TEXT,
    miner=TEXT,
    rank=pa.int32(),
    score=pa.float32(),
)
# rule: "same_text" or one of models/false_negatives/rules.py with its numbers. score, rank: of the passage.
# positive_*: the known answer it is compared with. spread: standard deviation of the query's scores. limit:
# what score - positive_score lies above, or the last rank, or in how many characters texts may differ (0).
DECISIONS = _table(
    "decisions",
    ("qid", "pid", "rule"),
    qid=TEXT,
    pid=TEXT,
    rule=TEXT,
    action=TEXT,
    score=pa.float32(),
    positive_pid=TEXT,
    positive_score=pa.float32(),
    spread=pa.float32(),
    rank=pa.int32(),
    limit=pa.float64(),
)
ANSWERS = _table("answers", ("qid", "pid", "teacher"), qid=TEXT, pid=TEXT, teacher=TEXT, score=pa.float32())
# One row per check of a teacher; value is null where it could not be made, and the note says why.
GATE = _table(
    "gate",
    ("teacher", "check"),
    ("value", "limit"),
    teacher=TEXT,
    check=TEXT,
    value=pa.float64(),
    limit=pa.float64(),
    verdict=TEXT,
    note=TEXT,
)
CLUSTERS = _table("clusters", ("pid",), pid=TEXT, path=pa.list_(pa.field("item", pa.int16(), nullable=False)))
# One row per (level, measure): sizes, depth, balance, empty and collided clusters.
CLUSTER_HEALTH = _table(
    "cluster_health", ("level", "measure"), level=pa.int16(), measure=TEXT, value=pa.float64()
)
CURVE = _table("curve", ("step", "measure"), step=pa.int32(), measure=TEXT, value=pa.float64())
RUN = _table("run", ("qid", "pid"), qid=TEXT, pid=TEXT, rank=pa.int32(), score=pa.float32())
# qid is null on the row that holds the mean over queries.
METRICS = _table(
    "metrics",
    ("system", "split", "measure", "qid"),
    ("qid",),
    system=TEXT,
    split=TEXT,
    measure=TEXT,
    qid=TEXT,
    value=pa.float64(),
)
# cost names carry their unit: parameters, index_bytes, encode_ms, search_ms, train_s.
COSTS = _table("costs", ("system", "cost"), system=TEXT, cost=TEXT, value=pa.float64())
SIGNIFICANCE = _table(
    "significance",
    ("system", "control", "measure"),
    system=TEXT,
    control=TEXT,
    measure=TEXT,
    difference=pa.float64(),
    p_value=pa.float64(),
    p_holm=pa.float64(),
    wins=pa.int32(),
    ties=pa.int32(),
    losses=pa.int32(),
)


def embeddings_schema(width: int) -> TableSchema:
    """The ``embeddings`` table of vectors of ``width`` float32 values.

    >>> embeddings_schema(2).columns.field("vector").type
    FixedSizeListType(fixed_size_list<item: float not null>[2])
    """
    item = pa.field("item", pa.float32(), nullable=False)
    return _table("embeddings", ("pid",), pid=TEXT, vector=pa.list_(item, width))


TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        PASSAGES,
        QUERIES,
        QRELS,
        CANDIDATES,
        ANSWERS,
        DECISIONS,
        GATE,
        CLUSTERS,
        CLUSTER_HEALTH,
        CURVE,
        RUN,
        METRICS,
        COSTS,
        SIGNIFICANCE,
        embeddings_schema(1),
    )
}
