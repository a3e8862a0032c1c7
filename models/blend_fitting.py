"""Weights of an ensemble's members, fitted on judged queries.

    L(w) = 1/Q · Σ_q Σ_p  -y_qp · ln softmax_p(Σ_m w_m · z_mp)  +  λ/2 · Σ_m w_m²,        w ≥ 0

with z the members' scores standardised over the query's pairs, y a pair's share of its query's grades, and a
pair without a judgement of grade 0. L is strictly convex, so that there is one best w, and projected
gradient steps of length 1 / (mean_q max_p |z_p|² + λ), an upper bound on the curvature, fall to it from 0
without a seed, a grid or a step size to choose. A search for the best nDCG@10 has none of this: between two
swaps of passages that measure is flat, so that many weights are equally good and the grid decides. Source
of the loss: ListNet (Cao et al. 2007), top one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import ConfigError
from models.blending import beside, column_of
from models.targets import z_score

STEPS = 2000
# No weight moves further in a step: what is left is below what float32 scores show.
STILL = 1e-9


def fit_weights(
    rows: pl.DataFrame, members: Sequence[str], qrels: pl.DataFrame, ridge: float
) -> tuple[dict[str, float], int]:
    """The weight of each member, and how many queries they were fitted on.

    A query counts if a pair of it has a grade above 0 and another does not have the same.

    Args:
        rows: one a pair and member (qid, pid, teacher, score), of whole queries.
        members: the names under ``teacher``.
        qrels: judgements (qid, pid, grade).
        ridge: λ.

    Raises:
        ConfigError: no query counts.
        SchemaError: a pair was not scored by all members.
    """
    names = [column_of(place) for place in range(len(members))]
    pairs = beside(rows, members).join(
        qrels.select("qid", "pid", "grade"), on=["qid", "pid"], how="left", maintain_order="left"
    )
    grade = pl.col("grade").cast(pl.Float64).fill_null(0.0).clip(lower_bound=0.0)
    pairs = pairs.with_columns(grade, *(z_score(pl.col(name)).over("qid") for name in names))
    pairs = pairs.filter((pl.col("grade").max() > pl.col("grade").min()).over("qid"))
    if pairs.is_empty():
        raise ConfigError(
            where="blend.kind = 'fitted'",
            found=f"{qrels['qid'].n_unique()} judged queries of the split dev, none with both a positive and "
            "another passage among the scored pairs",
            expected="at least one",
            advice='Give the split dev judgements, or choose blend.kind = "min_max_mean".',
        )
    sizes = pairs.group_by("qid", maintain_order=True).len()["len"].to_numpy().astype(np.int64)
    share = (pairs["grade"] / pairs.select(pl.col("grade").sum().over("qid")).to_series()).to_numpy()
    weights = descend(pairs.select(names).to_numpy(), share, sizes, ridge)
    return dict(zip(members, weights.tolist(), strict=True)), sizes.size


def descend(
    scores: npt.NDArray[np.float64],
    share: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.int64],
    ridge: float,
) -> npt.NDArray[np.float64]:
    """The w ≥ 0 of the least loss.

    Args:
        scores: z, [pair, member], query after query.
        share: y, [pair], which sums to 1 over a query.
        sizes: pairs of each query.
        ridge: λ.
    """
    starts = np.cumsum(sizes) - sizes
    curvature = np.maximum.reduceat((scores**2).sum(1), starts).mean() + ridge
    weights = np.zeros(scores.shape[1])
    for _ in range(STEPS):
        logits = scores @ weights
        odds = np.exp(logits - np.repeat(np.maximum.reduceat(logits, starts), sizes))
        odds /= np.repeat(np.add.reduceat(odds, starts), sizes)
        gradient = scores.T @ (odds - share) / sizes.size + ridge * weights
        moved = np.maximum(weights - gradient / curvature, 0.0)
        still = np.abs(moved - weights).max() < STILL
        weights = moved
        if still:
            break
    return weights
