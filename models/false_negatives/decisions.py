"""Decide which mined passages are no negatives, and keep for each the numbers that decided.

A known answer is never decided on, and every rule looks at known answers only: a passage that one rule makes
an answer pulls no other with it, and to decide again on what is left decides nothing. Each rule decides
by itself, and each decision is a row, so that a reader sees what every rule would have done alone. A
pair that one rule drops and another relabels is relabelled.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from data.errors import SchemaError
from data.schemas import DECISIONS
from models.false_negatives import AnyRule
from models.false_negatives.rules import Side
from models.false_negatives.same_text import RULE

PAIR = ("qid", "pid")


def decide(
    mined: pl.DataFrame,
    known: pl.DataFrame,
    answers: pl.DataFrame,
    text_keys: pl.DataFrame,
    rules: Sequence[AnyRule] = (),
) -> pl.DataFrame:
    """Give the table ``decisions`` of some queries; the rule ``same_text`` always applies.

    Args:
        mined: candidates (qid, pid).
        known: passages (qid, pid) that answer the queries.
        answers: one teacher's scores (qid, pid, score) of all scored passages of the queries, not of a part:
            rank and spread are taken over them.
        text_keys: what each passage says (pid, text_key).
        rules: with distinct labels.

    Raises:
        SchemaError: a mined passage or a known answer has no score.
    """
    scored = with_spread_and_rank(answers)
    positives = _scored(known.unique(), scored)
    pairs = _scored(rivals(mined, known), scored).join(_ends(positives), on="qid")
    rows = [_same_text(pairs, positives, text_keys), *(_by_rule(pairs, rule) for rule in rules)]
    return pl.concat(rows).sort(DECISIONS.key)


def rivals(mined: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Pairs (qid, pid) that would be negatives: mined for a query with a known answer, and not one of them.

    >>> mined = pl.DataFrame({"qid": ["a", "a", "b"], "pid": ["p", "q", "p"]})
    >>> rivals(mined, pl.DataFrame({"qid": ["a"], "pid": ["p"]})).rows()
    [('a', 'q')]
    """
    pairs = mined.select(PAIR).unique().join(known, on="qid", how="semi")
    return pairs.join(known, on=PAIR, how="anti")


def with_spread_and_rank(answers: pl.DataFrame) -> pl.DataFrame:
    """Add, per query, ``spread`` (float32) and ``rank``: 1 + how many passages score strictly higher.

    The spread is taken of differences to the highest score: of large logits that lie close together
    nothing is lost, and a constant that is added to all changes no bit.
    """
    wide = pl.col("score").cast(pl.Float64)
    return answers.select(
        *PAIR,
        "score",
        spread=(wide - wide.max().over("qid")).std(ddof=0).over("qid").cast(pl.Float32),
        rank=pl.col("score").rank("min", descending=True).over("qid").cast(pl.Int32),
    )


def verdicts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row (qid, pid, action) for each pair that was decided on, by whatever rules: relabel before drop.

    >>> rows = {"qid": ["a", "a"], "pid": ["p", "p"], "action": ["drop", "relabel"]}
    >>> verdicts(pl.LazyFrame(rows)).collect().rows()
    [('a', 'p', 'relabel')]
    """
    relabelled = (pl.col("action") == "relabel").any()
    action = pl.when(relabelled).then(pl.lit("relabel")).otherwise(pl.lit("drop"))
    return decisions.group_by(PAIR).agg(action=action)


def _scored(pairs: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    found = pairs.select(PAIR).join(scored, on=PAIR, how="left")
    missing = found.filter(pl.col("score").is_null()).sort(PAIR)
    if missing.height:
        qid, pid = missing.select(PAIR).row(0)
        msg = (
            f"answers: found no score of {missing.height} pairs, such as ({qid}, {pid}); "
            "expected one for every candidate and known answer. Run score_candidates again."
        )
        raise SchemaError(msg)
    return found


def _best_first(positives: pl.DataFrame) -> pl.DataFrame:
    return positives.sort("qid", "score", "pid", descending=[False, True, False])


def _ends(positives: pl.DataFrame) -> pl.DataFrame:
    """Lowest and highest known answer of each query; of equal ones the first by pid."""
    orders: Iterable[tuple[Side, pl.DataFrame]] = (
        ("lowest", positives.sort("qid", "score", "pid")),
        ("highest", _best_first(positives)),
    )
    lowest, highest = (
        order.unique("qid", keep="first", maintain_order=True).select(
            "qid", pl.col("pid").alias(f"{side}_pid"), pl.col("score").alias(f"{side}_score")
        )
        for side, order in orders
    )
    return lowest.join(highest, on="qid")


def _by_rule(pairs: pl.DataFrame, rule: AnyRule) -> pl.DataFrame:
    decided = pairs.filter(rule.decides())
    return _rows(decided, rule.label, rule.action, rule.answer, rule.limit())


def _same_text(pairs: pl.DataFrame, positives: pl.DataFrame, text_keys: pl.DataFrame) -> pl.DataFrame:
    said = _best_first(positives).join(text_keys, on="pid", maintain_order="left")
    said = said.unique(("qid", "text_key"), keep="first", maintain_order=True)
    said = said.select("qid", "text_key", copied_pid="pid", copied_score="score")
    copies = pairs.join(text_keys, on="pid").join(said, on=["qid", "text_key"])
    return _rows(copies, RULE, "drop", "copied", pl.lit(0.0, pl.Float64))


def _rows(decided: pl.DataFrame, rule: str, action: str, answer: str, limit: pl.Expr) -> pl.DataFrame:
    return decided.select(
        *PAIR,
        rule=pl.lit(rule),
        action=pl.lit(action),
        score="score",
        positive_pid=f"{answer}_pid",
        positive_score=f"{answer}_score",
        spread="spread",
        rank="rank",
        limit=limit,
    )
