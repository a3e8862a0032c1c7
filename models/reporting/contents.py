"""What a report tells, gathered from tables, before anyone decides how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa

from models.reporting.decisions import Audit
from models.reporting.leaderboard import Leaderboard
from models.reporting.signals import Seen
from models.settings import Settings

BINS = 48
# Logged at every step, but no picture of learning.
UNDRAWN = frozenset({"learning_rate", "gradient_norm"})


class ProvenanceRow(Settings):
    """What happened to one stage of the run that the report closes."""

    stage: str
    of: str
    status: Literal["reused", "ran"]
    key: str
    seconds: float


@dataclass(frozen=True)
class Distribution:
    """A teacher's scores in the answer key: counts per bin, apart for positives and the rest."""

    teacher: str
    edges: Sequence[float]
    positives: Sequence[int]
    negatives: Sequence[int]
    medians: tuple[float, float]

    @property
    def separation(self) -> float:
        """How often a random positive outscores a random negative, ties half; exact up to a bin."""
        positives, negatives = np.array(self.positives), np.array(self.negatives)
        below = np.cumsum(negatives) - negatives / 2
        pairs = positives.sum() * negatives.sum()
        return float((positives * below).sum() / pairs) if pairs else 0.0


@dataclass(frozen=True)
class Panel:
    """One training curve: a measure of a student, one line of (step, value) for each seed."""

    student: str
    measure: str
    lines: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class Contents:
    """Everything in a report."""

    title: str
    board: Leaderboard
    distributions: Sequence[Distribution]
    panels: Sequence[Panel]
    gate: pa.Table
    # Table ``cluster_health`` by who made the vectors: "" for the encoder in section ``embed``.
    health: Mapping[str, pa.Table]
    facts: Mapping[str, Mapping[str, object]]
    provenance: Sequence[ProvenanceRow]
    audits: Sequence[Audit] = ()
    signals: Sequence[Seen] = ()


def distribution(answers: pl.LazyFrame, positives: pl.LazyFrame, teacher: str) -> Distribution:
    """Count a teacher's scores, lazily: the answer key may be larger than memory.

    Args:
        answers: one teacher's rows.
        positives: the pairs (qid, pid) that are relevant; all other pairs of the key are negatives.
        teacher: its name.
    """
    known = positives.select("qid", "pid", positive=True).unique()
    scored = answers.join(known, on=["qid", "pid"], how="left").with_columns(
        pl.col("positive").fill_null(False)
    )
    low, high = answers.select(low=pl.col("score").min(), high=pl.col("score").max()).collect().row(0)
    low, high = (low, high) if low is not None and low < high else ((low or 0.0) - 0.5, (low or 0.0) + 0.5)
    place = ((pl.col("score") - low) / (high - low) * BINS).floor().clip(0, BINS - 1).cast(pl.Int64)
    counted = scored.group_by("positive", place.alias("bin")).agg(count=pl.len()).collect()
    medians = dict(scored.group_by("positive").agg(pl.col("score").median()).collect().iter_rows())

    def counts(positive: bool) -> list[int]:
        found = dict(counted.filter(pl.col("positive") == positive).select("bin", "count").iter_rows())
        return [found.get(each, 0) for each in range(BINS)]

    return Distribution(
        teacher=teacher,
        edges=np.linspace(low, high, BINS + 1).tolist(),
        positives=counts(True),
        negatives=counts(False),
        medians=(medians.get(True, low), medians.get(False, low)),
    )


def panels(curves: Mapping[tuple[str, str], pa.Table]) -> list[Panel]:
    """Put the curves of a student's seeds into one panel per measure.

    Args:
        curves: table ``curve`` by (student, seed).
    """
    found: dict[tuple[str, str], dict[str, list[tuple[int, float]]]] = {}
    for (student, seed), curve in sorted(curves.items()):
        for row in curve.to_pylist():
            if row["measure"] not in UNDRAWN:
                line = found.setdefault((student, row["measure"]), {}).setdefault(seed, [])
                line.append((row["step"], row["value"]))
    return [
        Panel(student, measure, {seed: sorted(line) for seed, line in lines.items()})
        for (student, measure), lines in found.items()
    ]
