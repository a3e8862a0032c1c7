"""Judge a run: our tables to ir_measures and back, every query kept.

    nDCG@k = Σ_{r ≤ k} grade(r) / log₂(r + 1)  ÷  the same sum over the best possible order

Every judged query counts, also one for which nothing was retrieved: it scores 0. Evaluators order
equal scores by falling document id; they are handed −rank instead of scores, so that our rank, whose
ties break by pid, is what is judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import polars as pl
import pyarrow as pa
from pydantic import AfterValidator

from data.errors import ConfigError

if TYPE_CHECKING:
    from ir_measures import Measure

USUAL = ("nDCG@10", "RR@10", "R@100", "Success@1", "Success@5", "AP@1000", "Judged@10")
# A student's share of its teacher's quality on the same passages; it has a mean row only.
RETAINED = "nDCG@10"
RETENTION = f"retention({RETAINED})"
# qid is null on the row that holds the mean over the judged queries.
MEASURED = pa.schema(
    [
        pa.field("measure", pa.string(), nullable=False),
        pa.field("qid", pa.string()),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
# Evaluators take nested dictionaries; so many queries are held in that form at a time.
QUERIES_AT_ONCE = 512


def parse(name: str) -> "Measure":
    """Turn a name into a measure of ir_measures.

    Raises:
        ConfigError: there is no such measure, or nothing installed computes it.

    >>> str(parse("NDCG@10"))
    'nDCG@10'
    """
    import ir_measures

    try:
        found = ir_measures.parse_measure(name)
        usable = found.params.get("cutoff", 1) >= 1 and ir_measures.DefaultPipeline.supports(found)
    except (ValueError, NameError, AssertionError, TypeError) as error:
        raise _unknown(name) from error
    if not usable:
        raise _unknown(name)
    return found


def _unknown(name: str) -> ConfigError:
    return ConfigError(
        where="measures",
        found=repr(name),
        expected=f"names of ir_measures, such as {', '.join(USUAL)}",
        advice="The number after @ is the rank of the cut, 1 or more.",
    )


def _canonical(name: str) -> str:
    if name in USUAL:
        return name
    try:
        return str(parse(name))
    except ConfigError as error:
        raise ValueError(str(error)) from error


# A measure as a field of a configuration; aliases such as MRR@10 become the name that tables hold.
MeasureName = Annotated[str, AfterValidator(_canonical)]


def measure(run: pa.Table, qrels: pa.Table, measures: Sequence[str]) -> pa.Table:
    """Judge ``run`` by ``qrels``: one row per measure and judged query, and one for each mean.

    Args:
        run: table ``run``; queries without judgement are passed over.
        qrels: the judgements of exactly the queries that count.
        measures: names of ir_measures; they are the names in the result.

    Raises:
        ConfigError: a name is not known.
    """
    import ir_measures

    parsed = {parse(name): name for name in measures}
    judged = sorted(set(qrels["qid"].to_pylist()))
    ranked = pl.DataFrame(run.select(["qid", "pid", "rank"]))
    grades = pl.DataFrame(qrels)
    rows: list[tuple[str, str, float]] = []
    for start in range(0, len(judged), QUERIES_AT_ONCE):
        chunk = pl.col("qid").is_in(judged[start : start + QUERIES_AT_ONCE])
        evaluator = ir_measures.evaluator(parsed, _nested(grades.filter(chunk).iter_rows()))
        places = ((qid, pid, -rank) for qid, pid, rank in ranked.filter(chunk).iter_rows())
        found = evaluator.iter_calc(_nested(places))
        rows += [(parsed[each.measure], each.query_id, float(each.value)) for each in found]
    return _with_means(rows)


def _nested(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = defaultdict(dict)
    for qid, pid, value in rows:
        nested[qid][pid] = value
    return dict(nested)


def _with_means(rows: list[tuple[str, str, float]]) -> pa.Table:
    columns = {"measure": pl.String, "qid": pl.String, "value": pl.Float64}
    # Sorted first: a sum of floats depends on its order, and evaluators give queries in any.
    values = pl.DataFrame(rows, schema=columns, orient="row").sort("measure", "qid")
    means = values.group_by("measure", maintain_order=True).agg(
        pl.lit(None, dtype=pl.String).alias("qid"), pl.col("value").mean()
    )
    return pl.concat([values, means]).to_arrow().cast(MEASURED)
