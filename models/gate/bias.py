"""Does the teacher judge what a passage says, or how long it is, or only how it begins?

    length correlation = | mean over queries of Spearman's ρ(score, characters of the passage) |

Within a query, because only the order of one query's passages is taught: between queries levels of
scores differ, and so do the lengths of what was mined, and a correlation over all pairs would mix the
two up. ρ compares ranks, so it sees any steady preference, straight or curved. Some correlation is
honest, for longer passages answer more.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from models.gate.verdicts import Finding

# Two passages have ρ = ±1 whatever they are.
FEWEST = 3
NO_VARIATION = f"no query has {FEWEST} passages whose scores and lengths differ"


def length_correlation(pairs: pl.DataFrame) -> Finding:
    """How strongly scores follow length (columns qid, score, passage)."""
    lengths = pairs.select("qid", "score", length=pl.col("passage").str.len_chars())
    mean, queries = mean_spearman(lengths, "score", "length")
    if mean is None:
        return Finding(None, NO_VARIATION)
    which = "longer" if mean > 0 else "shorter"
    return Finding(abs(mean), f"{which} passages score higher; mean over {queries:,} queries")


def mean_spearman(pairs: pl.DataFrame, left: str, right: str) -> tuple[float | None, int]:
    """Mean over queries of the rank correlation of two columns, and over how many queries.

    Queries with fewer than three passages, or where a column does not vary, are passed over. Ties share
    their mean rank.
    """
    ranks = pairs.select(
        "qid", *(pl.col(column).rank("average").over("qid").alias(column) for column in (left, right))
    )
    found = (
        ranks.group_by("qid")
        .agg(
            enough=(pl.len() >= FEWEST) & (pl.col(left).n_unique() > 1) & (pl.col(right).n_unique() > 1),
            rho=pl.corr(left, right),
        )
        .filter("enough")
        .sort("qid")
    )
    return (float(found["rho"].to_numpy().mean()), found.height) if found.height else (None, 0)


def truncated(tokens: Sequence[int], limit: int) -> Finding:
    """The share of texts or pairs that are longer than the teacher reads.

    >>> truncated([10, 300], 256).value
    0.5
    """
    counts = np.asarray(tokens)
    if not counts.size:
        return Finding(None, "no pair to count tokens of")
    cut = int((counts > limit).sum())
    return Finding(cut / counts.size, f"{cut:,} of {counts.size:,} exceed {limit} tokens")
