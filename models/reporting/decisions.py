"""What was decided about negatives, for a reader who wants to disagree: counts, and a sample with texts.

The sample takes the rules in turn, and within a rule the queries, each time the one with the smallest hash of
its id, then the passage with the smallest: it depends on no order and no seed, and a decision that is
added moves few others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import polars as pl

from data.splits import places
from models.reporting import wording

SAMPLE = 20
AUDIT = "audit of decisions"
LONGEST = 400  # letters of a text that are shown


@dataclass(frozen=True)
class Example:
    """One decision, with the texts it is about and the numbers that decided."""

    rule: str
    action: str
    qid: str
    query: str
    pid: str
    passage: str
    score: float
    rank: int
    positive_pid: str
    positive: str
    positive_score: float
    spread: float
    limit: float

    @property
    def heading(self) -> str:
        """What was decided, by which rule."""
        return f"{self.rule}: {self.action}"

    def told(self) -> dict[str, str]:
        """Texts and numbers under names for a reader."""
        difference = wording.signed(self.score - self.positive_score, 2)
        return {
            f"query {self.qid}": _short(self.query),
            f"passage {self.pid}": _short(self.passage),
            f"known answer {self.positive_pid}": _short(self.positive),
            "scores": f"{self.score:.2f}, rank {self.rank}; the answer's {self.positive_score:.2f}; "
            f"difference {difference}; spread of the query {self.spread:.2f}",
            "limit": f"{self.limit + 0.0:.4g}",  # -0.0 loses its sign
        }


@dataclass(frozen=True)
class Audit:
    """The decisions of one teacher: (rule, action, decisions, queries) in numbers, and examples."""

    teacher: str
    counts: Sequence[tuple[str, str, int, int]]
    examples: Sequence[Example]


def audit(
    decisions: pl.LazyFrame, queries: pl.LazyFrame, passages: pl.LazyFrame, teacher: str, count: int = SAMPLE
) -> Audit:
    """Count the decisions of ``teacher`` and draw ``count`` of them, as many of each rule as there are."""
    counted = decisions.group_by("rule", "action").agg(rows=pl.len(), queries=pl.col("qid").n_unique())
    drawn = sample(decisions, count).lazy()
    asked = queries.select("qid", query="text")
    titled = pl.concat_str("title", "text", separator=" ").str.strip_chars()
    texts = passages.select("pid", passage=titled)
    answered = texts.rename({"pid": "positive_pid", "passage": "positive"})
    told = drawn.join(asked, on="qid", maintain_order="left").join(texts, on="pid", maintain_order="left")
    rows = told.join(answered, on="positive_pid", maintain_order="left").collect()
    names = [each.name for each in fields(Example)]
    return Audit(
        teacher=teacher,
        counts=counted.sort("rule", "action").collect().rows(),
        examples=[Example(**row) for row in rows.select(names).iter_rows(named=True)],
    )


def sample(decisions: pl.LazyFrame, count: int) -> pl.DataFrame:
    """Draw ``count`` rows of ``decisions``, ordered by rule; all where there are not so many."""
    names = decisions.collect_schema().names()
    asked = decisions.select("qid").unique().collect()
    asked = asked.with_columns(query_place=pl.Series(places(asked["qid"].to_list(), AUDIT), dtype=pl.UInt64))
    by_rule = decisions.select("rule", "qid").unique().collect().join(asked, on="qid")
    first = by_rule.sort("rule", "query_place", "qid").group_by("rule", maintain_order=True).head(count)
    # Only the passages of these queries can be drawn, so only they are hashed.
    rows = decisions.join(first.lazy(), on=["rule", "qid"]).collect()
    rows = rows.with_columns(place=pl.Series(places(rows["pid"].to_list(), AUDIT), dtype=pl.UInt64))
    rows = rows.sort("rule", "qid", "place", "pid")
    rows = rows.with_columns(turn=pl.int_range(pl.len()).over("rule", "qid"))
    rows = rows.sort("rule", "turn", "query_place", "qid")
    rows = rows.with_columns(number=pl.int_range(pl.len()).over("rule"))
    return rows.sort("number", "rule").head(count).sort("rule", "number").select(names)


def _short(text: str) -> str:
    r"""One line of at most ``LONGEST`` letters; what is cut is marked.

    >>> _short("one\n two")
    'one two'
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"
