"""Sort what was mined into negatives, further answers, and what is left out: the decisions, applied.

    positives = known answers and the relabelled
    negatives = mined, not decided on, not a positive, and not saying what a positive says

The last holds for relabelled passages too, whose copies no table names. It holds also without decisions.
"""

from dataclasses import dataclass

import polars as pl

from models.false_negatives.decisions import PAIR, rivals, verdicts
from models.false_negatives.same_text import text_keys


@dataclass(frozen=True)
class Sorted:
    """Pairs (qid, pid), and how many mined ones are no negatives: left out, or positives now."""

    positives: pl.DataFrame
    negatives: pl.DataFrame
    dropped: int
    relabelled: int


def sort_out(
    mined: pl.DataFrame, known: pl.DataFrame, passages: pl.LazyFrame, decisions: pl.LazyFrame | None
) -> Sorted:
    """Apply ``decisions``, if any, to what was mined for queries with a known answer.

    Args:
        mined: candidates (qid, pid) that may become negatives; decisions on others do not count.
        known: passages (qid, pid) that answer, once each.
        passages: the columns pid, title and text.
        decisions: the columns qid, pid and action.
    """
    pairs = rivals(mined, known)
    decided = pairs.clear().with_columns(action=pl.lit("drop"))
    if decisions is not None:
        decided = verdicts(decisions).join(pairs.lazy(), on=PAIR, how="semi").collect()
    relabelled = decided.filter(action="relabel").select(PAIR)
    positives = pl.concat([known.select(PAIR), relabelled]).sort(PAIR)
    keys = text_keys(passages)
    answered = positives.join(keys, on="pid").select("qid", "text_key")
    left = pairs.join(decided, on=PAIR, how="anti").join(keys, on="pid")
    negatives = left.join(answered, on=["qid", "text_key"], how="anti").select(PAIR)
    return Sorted(
        positives=positives,
        negatives=negatives,
        dropped=pairs.height - relabelled.height - negatives.height,
        relabelled=relabelled.height,
    )
