"""Do the scores tell passages apart at all?

    ties         share of scores that another passage of the same query has too
    saturation   share of scores that are the one most frequent value of all queries

A teacher that lost its answer on the way (a token that was not among those returned, a cap, a sigmoid
that rounds to 1) gives one number again and again, and nothing else complains: differences of equal
numbers are 0, losses are small.
"""

import polars as pl

from models.gate.verdicts import Finding

NO_SCORE = Finding(None, "no finite score among the answers looked at")


def spread(answers: pl.DataFrame) -> dict[str, Finding]:
    """Findings ``ties`` and ``saturation`` of finite answers (qid, score)."""
    if answers.is_empty():
        return {"ties": NO_SCORE, "saturation": NO_SCORE}
    tied = int(answers.select(pl.struct("qid", "score").is_duplicated().sum()).item())
    values = answers["score"].value_counts(name="count").sort("count", "score", descending=[True, False])
    value, count = values.row(0)
    return {
        "ties": Finding(tied / answers.height, f"{tied:,} of {answers.height:,} scores"),
        "saturation": Finding(
            count / answers.height, f"{count:,} of {answers.height:,} scores are exactly {value:g}"
        ),
    }


def not_finite(*scores: pl.LazyFrame) -> Finding:
    """Count the scores (column ``score``) that are NaN or infinite, without holding them all."""
    wild = ~pl.col("score").is_finite()
    counts = [frame.select(wild.sum().alias("wild"), pl.len().alias("all")).collect() for frame in scores]
    found, total = (sum(int(count[column].item()) for count in counts) for column in ("wild", "all"))
    return Finding(float(found), f"of {total:,} scores")


def within_query_spread(answers: pl.DataFrame) -> float:
    """Root mean square distance of a score from the mean of its query (qid, score): the unit of drifts.

    Logits of two teachers differ in scale, and a query's level is not taught.

    >>> within_query_spread(pl.DataFrame({"qid": ["a", "a", "b", "b"], "score": [1.0, 3.0, 8.0, 6.0]}))
    1.0
    """
    score = pl.col("score").cast(pl.Float64)
    squares = answers.select(((score - score.mean().over("qid")) ** 2).mean()).item()
    return float(squares or 0.0) ** 0.5
