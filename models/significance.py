"""Is a difference more than luck? Paired randomisation tests, corrected by Holm.

    p = share of sign patterns σ ∈ {−1, +1}ⁿ with |Σ_q σ_q d_q| ≥ |Σ_q d_q|

where d_q is the difference between a system and the control on query q: were the two equally good,
each difference might as well have had the other sign. No distribution is assumed. All 2ⁿ patterns are
tried where they are few, else a fixed random sample of them, in which the observed pattern counts
(Phipson and Smyth 2010), so that p is never 0. Source: Smucker, Allan and Carterette 2007 (CIKM).
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from jaxtyping import Float

from data.errors import SchemaError
from data.schemas import SIGNIFICANCE

PERMUTATIONS = 20_000
# So many signs are held at a time, as float64.
SIGNS_AT_ONCE = 4_000_000


def randomisation_p(
    differences: Float[np.ndarray, "query test"], seed: int = 0, permutations: int = PERMUTATIONS
) -> Float[np.ndarray, " test"]:
    """Two-sided p-value of each column's mean difference being 0.

    All columns are tested under the same sign patterns. Exact when 2ⁿ ≤ ``permutations``.

    >>> randomisation_p(np.array([[1.0], [1.0], [1.0]]))  # 2 of 8 patterns are as extreme
    array([0.25])
    """
    queries, tests = differences.shape
    observed = np.abs(differences.sum(axis=0))
    # Sums that are equal on paper differ in the last bits; they are ties all the same.
    bar = observed - 1e-9 * np.maximum(np.abs(differences).sum(axis=0), 1e-300)
    exact = 2**queries <= permutations
    total = 2**queries if exact else permutations
    generator = np.random.default_rng(seed)
    extreme = np.zeros(tests)
    step = max(1, SIGNS_AT_ONCE // max(queries, 1))
    for start in range(0, total, step):
        count = min(step, total - start)
        if exact:
            bits = (np.arange(start, start + count)[:, None] >> np.arange(queries)) & 1
        else:
            bits = generator.integers(0, 2, size=(count, queries), dtype=np.int8)
        sums = (2.0 * bits - 1.0) @ differences
        extreme += (np.abs(sums) >= bar).sum(axis=0)
    return extreme / total if exact else (extreme + 1) / (total + 1)


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Adjust the p-values of one family of tests so that one false alarm stays as rare as promised.

    The smallest of m is multiplied by m, the next by m − 1, …; none falls below the one before it.

    >>> holm(np.array([0.04, 0.01])).tolist()
    [0.04, 0.02]
    """
    order = np.argsort(p_values, kind="stable")
    steps = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def compare(values: pl.DataFrame, control: str, seed: int = 0) -> pa.Table:
    """Test every system against the control, measure by measure (table ``significance``).

    The systems of one measure are one family for Holm's correction.

    Args:
        values: system, measure, qid, value: one value per query, of a student its mean over seeds.
        control: the system that the others are held against.
        seed: of the random sign patterns.

    Raises:
        SchemaError: the systems were not judged on the same queries.
    """
    tables = [
        _compare_one(values.filter(pl.col("measure") == measure), measure, control, seed)
        for measure in values["measure"].unique().sort()
    ]
    return pa.concat_tables([SIGNIFICANCE.columns.empty_table(), *tables])


def compare_pairs(values: pl.DataFrame, controls: Mapping[str, str], seed: int = 0) -> pa.Table:
    """Test systems against controls of their own, measure by measure (table ``significance``).

    The pairs of one measure are one family for Holm's correction.

    Args:
        values: as ``compare`` takes them.
        controls: the control of each system, by the system's name.
        seed: of the random sign patterns.
    """
    found = [
        compare(values.filter(pl.col("system").is_in([system, control])), control, seed)
        for system, control in sorted(controls.items())
    ]
    rows = pl.DataFrame(pa.concat_tables([SIGNIFICANCE.columns.empty_table(), *found]))
    families = rows.sort("measure", "system", "control").partition_by("measure", maintain_order=True)
    adjusted = [
        family.with_columns(p_holm=pl.Series(holm(family["p_value"].to_numpy()))) for family in families
    ]
    return pl.concat([rows.clear(), *adjusted]).to_arrow().cast(SIGNIFICANCE.columns)


def _compare_one(values: pl.DataFrame, measure: str, control: str, seed: int) -> pa.Table:
    wide = values.pivot("system", index="qid", values="value").sort("qid").drop("qid")
    holes = [name for name in wide.columns if wide[name].null_count()]
    if holes or control not in wide.columns:
        msg = (
            f"metrics: found {measure} of {', '.join(holes) or control} on fewer queries than of other "
            "systems; expected the same queries for all. Evaluate all systems on one split."
        )
        raise SchemaError(msg)
    systems = sorted(set(wide.columns) - {control})
    matrix = wide.select(*systems, control).to_numpy()
    differences = matrix[:, :-1] - matrix[:, -1:]
    p_values = randomisation_p(differences, seed)
    rows = {
        "system": systems,
        "control": [control] * len(systems),
        "measure": [measure] * len(systems),
        "difference": differences.mean(axis=0),
        "p_value": p_values,
        "p_holm": holm(p_values),
        # Means over seeds are equal on paper though not in the last bits.
        "wins": (differences > 1e-9).sum(axis=0).astype(np.int32),
        "ties": (np.abs(differences) <= 1e-9).sum(axis=0).astype(np.int32),
        "losses": (differences < -1e-9).sum(axis=0).astype(np.int32),
    }
    return pa.table(rows, schema=SIGNIFICANCE.columns)
