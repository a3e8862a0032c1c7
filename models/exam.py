"""An exam: the judged queries of a split, put to one system after another, and marked alike."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from data.errors import ConfigError
from data.schemas import METRICS, QRELS, QUERIES, RUN
from data.tables import from_rows
from models.known_pairs import Knowledge
from models.metrics import RETAINED, RETENTION, measure
from models.reranker import rerank
from models.retriever import Counted, Retriever
from models.runs import latency_ms, retrieve
from models.scoring_time import scoring_seconds
from models.teacher import Teacher


@dataclass(frozen=True)
class Exam:
    """The questions, their judgements, and the passages among which to search."""

    split: str
    passages: pa.Table
    queries: pa.Table
    qrels: pa.Table

    @property
    def qids(self) -> list[str]:
        """Of the queries, in the order of their rows."""
        return self.queries["qid"].to_pylist()

    @property
    def texts(self) -> list[str]:
        """Of the queries, in the order of their rows."""
        return self.queries["text"].to_pylist()

    @property
    def pids(self) -> list[str]:
        """Of all passages, in the order of their rows."""
        return self.passages["pid"].to_pylist()


@dataclass(frozen=True)
class Paper:
    """What a system hands in: its run, what the run cost (names carry their unit), and what it knew."""

    run: pa.Table
    costs: dict[str, float] = field(default_factory=dict)
    knowledge: Knowledge | None = None  # of a teacher

    @property
    def knows_nothing(self) -> bool:
        """Whether it is the paper of a teacher that was asked for pairs and knows none of them."""
        return self.knowledge is not None and self.knowledge.is_none


def set_exam(passages: pa.Table, queries: pa.Table, qrels: pa.Table, split: str) -> Exam:
    """Choose the queries of ``split`` that have a judgement, whatever its grade.

    Raises:
        ConfigError: there is none.
    """
    judgements, all_queries = pl.DataFrame(qrels), pl.DataFrame(queries)
    judged = all_queries.join(judgements, on="qid", how="semi", maintain_order="left")
    chosen = judged.filter(pl.col("split") == split)
    if chosen.is_empty():
        counts = judged["split"].value_counts().sort("split").iter_rows()
        others = ", ".join(f"{count} in {name}" for name, count in counts)
        raise ConfigError(
            where=f"evaluate.split = {split!r}",
            found=f"no judged query in this split, but {others or 'none in any other either'}",
            expected="at least one",
            advice="Set evaluate.split to a split that is judged, or bring judgements to the collection.",
        )
    kept = judgements.join(chosen, on="qid", how="semi", maintain_order="left")
    return Exam(split, passages, chosen.to_arrow().cast(QUERIES.columns), kept.to_arrow().cast(QRELS.columns))


def sit(exam: Exam, retriever: Retriever, depth: int, batch: int) -> Paper:
    """Let a retriever search for every query, ``batch`` at a time, and time it one by one."""
    run = retrieve(retriever, exam.queries, exam.pids, depth, batch)
    costs = {
        "parameters": float(retriever.parameters),
        "index_bytes": float(retriever.index_bytes),
        # Before single queries are timed: they would be counted twice.
        **(retriever.costs() if isinstance(retriever, Counted) else {}),
        **latency_ms(retriever, exam.texts, min(depth, len(exam.pids))),
    }
    return Paper(run, costs)


def reorder(exam: Exam, pairs: pa.Table, teacher: Teacher) -> Paper:
    """Let a teacher order passages that others found (columns qid, pid).

    Its ``search_ms`` is the time in which it scores as many pairs as a query has: now, or, where scores are
    stored, on average so far. Scores that were made elsewhere have none.

    Args:
        exam: the questions.
        pairs: columns qid and pid.
        teacher: knows the texts of the exam's queries and passages, in their order.
    """
    start = time.perf_counter()
    run = rerank(teacher, pairs, exam.qids, exam.pids)
    seconds = scoring_seconds(teacher, pairs.num_rows, time.perf_counter() - start)
    return Paper(run, {} if seconds is None else {"search_ms": 1e3 * seconds / len(exam.qids)})


def mined(candidates: pl.LazyFrame, exam: Exam, depth: int | None = None) -> pa.Table:
    """The pairs (qid, pid) that any miner proposes for the exam's queries, among its ``depth`` best."""
    best = candidates if depth is None else candidates.filter(pl.col("rank") <= depth)
    pairs = best.select("qid", "pid").filter(pl.col("qid").is_in(exam.qids)).unique()
    return pairs.sort("qid", "pid").collect().to_arrow()


def known(run: pa.Table, exam: Exam, path: Path) -> pa.Table:
    """The part of a run from elsewhere that answers the exam.

    Raises:
        ConfigError: it answers no query of the exam, or with passages that the collection lacks.
    """
    frame = pl.DataFrame(run).filter(pl.col("qid").is_in(exam.qids))
    strange = frame.filter(~pl.col("pid").is_in(exam.pids))["pid"].unique().sort()
    if frame.is_empty() or len(strange):
        raise ConfigError(
            where=str(path),
            found=f"{len(strange)} unknown passages, such as {strange[0]!r}"
            if len(strange)
            else f"none of the {len(exam.qids)} judged queries of the split {exam.split}",
            expected="a run over the passages and queries of this collection",
            advice="Compare the identifiers in the file with those of the tables passages and queries.",
        )
    return frame.to_arrow().cast(RUN.columns)


def mark(exam: Exam, run: pa.Table, system: str, measures: Sequence[str]) -> pa.Table:
    """Judge a run: the table ``metrics`` of one system."""
    marks = measure(run, exam.qrels, measures).to_pylist()
    rows = [(system, exam.split, each["measure"], each["qid"], each["value"]) for each in marks]
    return from_rows(rows, METRICS)


def retained(exam: Exam, run: pa.Table, teacher_run: pa.Table, system: str) -> pa.Table:
    """How much of the teacher's quality is in ``run``, where both order the same passages.

    One row of ``metrics``; none when the teacher scores 0, for then nothing can be retained. The
    value may exceed 1: a student can order the passages better than its teacher.
    """
    own, taught = (_mean(each, exam) for each in (run, teacher_run))
    rows = [(system, exam.split, RETENTION, None, own / taught)] if taught else []
    return from_rows(rows, METRICS)


def _mean(run: pa.Table, exam: Exam) -> float:
    marks = measure(run, exam.qrels, [RETAINED]).to_pylist()
    return next(row["value"] for row in marks if row["qid"] is None)
