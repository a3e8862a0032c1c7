"""Does the teacher know what people found relevant, and better than the miners whose lists it orders?

    nDCG@10              as everywhere (models/metrics.py)
    AUC                  (Σ_positives R − P (P + 1) / 2) / (P N)              Mann and Whitney 1947
    positives above      (Σ_positives negatives truly below) / (P N)

of each query, then the mean over queries; R is a pair's rank by rising score, ties sharing their mean, P
and N are the numbers of positives and negatives. AUC gives a tie half, positives above nothing: a
teacher that says 0 to everything has 0.5 of one and 0 of the other. A passage nobody judged counts as a
negative, so a perfect teacher may stay below 1. Queries with no positive or no negative are passed over.

Within a query, because only the order of one query's passages is taught; and so that a miner's ranks,
which mean nothing between queries, can be held against it.
"""

from collections.abc import Mapping

import polars as pl

from data.schemas import QRELS, RUN
from models.gate.verdicts import Finding
from models.metrics import measure

NDCG = "nDCG@10"
NO_DEV = Finding(None, "no dev query is judged to have a positive")
NO_CONTRAST = Finding(None, "no dev query has both a positive and a negative among its answers")
NOTHING_MINED = Finding(None, "no miner proposed a passage for a judged dev query")
Measures = Mapping[str, float | None]


def quality(answers: pl.DataFrame, candidates: pl.DataFrame, qrels: pl.DataFrame) -> dict[str, Finding]:
    """Findings ``ndcg``, ``auc``, ``positives_above``, ``ndcg_loss`` and ``auc_loss``.

    Args:
        answers: qid, pid, score: all the teacher's finite answers to the judged dev queries.
        candidates: qid, pid, miner, rank of the same queries.
        qrels: qid, pid, grade of exactly the queries that count.
    """
    names = ("ndcg", "auc", "positives_above", "ndcg_loss", "auc_loss")
    scored = answers.join(qrels.select("qid").unique(), on="qid", how="semi")
    if scored.is_empty():
        return dict.fromkeys(names, NO_DEV)
    over = f"over {qrels['qid'].n_unique()} dev queries"
    own = of_order(scored, qrels)
    miners = {
        str(name): _both(rows, scored, qrels)
        for (name,), rows in candidates.join(qrels, on="qid", how="semi").group_by("miner")
    }
    told = {name: NO_CONTRAST if value is None else Finding(value, over) for name, value in own.items()}
    return {**told, "ndcg_loss": _loss("ndcg", miners), "auc_loss": _loss("auc", miners)}


def of_order(scored: pl.DataFrame, qrels: pl.DataFrame) -> Measures:
    """``ndcg``, ``auc`` and ``positives_above`` of an order given by scores (qid, pid, score).

    The last two are None if no query has both positives and negatives.
    """
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("qid").alias("rank")
    run = scored.sort("qid", "score", "pid", descending=[False, True, False])
    run = run.select("qid", "pid", rank, pl.col("score").cast(pl.Float32)).to_arrow().cast(RUN.columns)
    marks = measure(run, qrels.to_arrow().cast(QRELS.columns), [NDCG]).to_pylist()
    ndcg = next(mark["value"] for mark in marks if mark["qid"] is None)
    positive = qrels.filter(pl.col("grade") > 0).select("qid", "pid", positive=True)
    pairs = scored.join(positive, on=["qid", "pid"], how="left").with_columns(
        pl.col("positive").fill_null(False)
    )
    return {"ndcg": ndcg, **contrast(pairs)}


def contrast(pairs: pl.DataFrame) -> Measures:
    """``auc`` and ``positives_above`` of qid, score and positive (a truth value).

    >>> pairs = pl.DataFrame({"score": [3.0, 1.0, 1.0], "positive": [True, True, False]})
    >>> contrast(pairs.with_columns(qid=pl.lit("q")))  # of two positives one is above, one ties
    {'auc': 0.75, 'positives_above': 0.5}
    """
    score, positive = pl.col("score"), pl.col("positive")
    ranked = pairs.select(
        "qid",
        "positive",
        mean=score.rank("average").over("qid"),
        # Those below a pair, less the positives among them.
        below=score.rank("min").over("qid").cast(pl.Int64)
        - score.rank("min").over("qid", "positive").cast(pl.Int64),
    )
    count = positive.sum().cast(pl.Float64)
    possible = count * (pl.len() - count)
    queries = (
        ranked.group_by("qid")
        .agg(
            possible=possible,
            auc=(pl.col("mean").filter(positive).sum() - count * (count + 1) / 2) / possible,
            above=pl.col("below").filter(positive).sum() / possible,
        )
        .filter(pl.col("possible") > 0)
        # Sorted first: a sum of floats depends on its order.
        .sort("qid")
    )
    if queries.is_empty():
        return {"auc": None, "positives_above": None}
    return {"auc": _mean(queries["auc"]), "positives_above": _mean(queries["above"])}


def _both(mined: pl.DataFrame, scored: pl.DataFrame, qrels: pl.DataFrame) -> tuple[Measures, Measures]:
    """One miner's own order and the teacher's, of the passages that the miner found."""
    pairs = mined.select("qid", "pid", "rank").join(scored, on=["qid", "pid"])
    miner = of_order(pairs.select("qid", "pid", score=-pl.col("rank").cast(pl.Float32)), qrels)
    return miner, of_order(pairs.select("qid", "pid", "score"), qrels)


def _loss(name: str, miners: Mapping[str, tuple[Measures, Measures]]) -> Finding:
    """What the best miner's order has more than the teacher's."""
    usable: dict[str, tuple[float, float]] = {}
    for miner, (own, taught) in miners.items():
        before, after = own[name], taught[name]
        if before is not None and after is not None:
            usable[miner] = before, after
    if not usable:
        return NOTHING_MINED if not miners else NO_CONTRAST
    best = max(sorted(usable), key=lambda miner: usable[miner][0])
    before, after = usable[best]
    return Finding(before - after, f"{after:.3f} over what {best} found, whose own order has {before:.3f}")


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean())
