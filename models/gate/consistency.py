"""Does the teacher say the same again: to the same texts, in other batches, in more digits, and as others do?

    drift = sqrt( mean over pairs of (again − before)² ) / spread

where spread is the root mean square distance of a score from its query's mean: 0.05 is a twentieth of
what tells the passages of a query apart. Drift does not change when all scores are scaled or shifted.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from models.gate.bias import FEWEST, mean_spearman
from models.gate.verdicts import Finding
from models.retriever import Scores

FLAT = Finding(None, "all finite scores of a query are equal, so there is no spread to compare with")


def duplicate_drift(pairs: pl.DataFrame, spread: float) -> Finding:
    """The largest gap between scores of the same two texts (columns query, passage, score)."""
    gaps = (
        pairs.group_by("query", "passage")
        .agg(count=pl.len(), gap=pl.col("score").max().cast(pl.Float64) - pl.col("score").min())
        .filter(pl.col("count") > 1)
    )
    if gaps.is_empty():
        return Finding(None, "no two pairs have the same texts")
    if not spread:
        return FLAT
    largest = float(gaps["gap"].to_numpy().max())
    return Finding(largest / spread, f"{gaps.height:,} pairs of texts occur more than once")


def drift(before: Scores, again: Scores, spread: float, what: str) -> Finding:
    """How far scores of the same pairs lie apart; ``what`` says how they were scored again.

    Pairs of which a score is no number are passed over: ``not_finite`` counts those.

    >>> drift(np.float32([1, 2]), np.float32([3, 0]), 4.0, "again").value
    0.5
    """
    gaps = again.astype(np.float64) - before
    gaps = gaps[np.isfinite(gaps)]
    if not gaps.size:
        return Finding(None, "no pair with a finite score to score again")
    if not spread:
        return FLAT
    return Finding(float(np.sqrt((gaps**2).mean())) / spread, f"{gaps.size:,} pairs {what}")


def agreement(answers: pl.DataFrame, others: Mapping[str, pl.DataFrame], candidates: pl.DataFrame) -> Finding:
    """Mean rank correlation with the other teacher that is most alike.

    Within a query, and within what one miner found for it. In the union of two miners' lists every passage
    is there because one of them likes it, so that those one does not like are those the other does: two
    teachers that resemble the miners seem to contradict each other though both are right (Berkson 1946).

    Args:
        answers: the teacher's (qid, pid, score).
        others: those of the others, by name.
        candidates: qid, pid, miner of at least these queries.
    """
    if not others:
        return Finding(None, "there is no other teacher")
    found: dict[str, float] = {}
    for name, other in others.items():
        both = answers.join(other.select("qid", "pid", other="score"), on=["qid", "pid"])
        listed = both.join(candidates.select("qid", "pid", "miner"), on=["qid", "pid"])
        mean, _ = mean_spearman(listed.with_columns(qid=pl.struct("qid", "miner")), "score", "other")
        if mean is not None:
            found[name] = mean
    if not found:
        return Finding(None, f"no list of which {FEWEST} passages have differing scores by another teacher")
    return Finding(max(found.values()), ", ".join(f"{name} {mean:.3f}" for name, mean in found.items()))
