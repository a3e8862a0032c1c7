"""When a teacher's scores say that a mined passage is no negative: rules on differences, never on ratios.

With t the teacher's raw logits for one query, P⁺ the query's known answers, b = min or max of t over P⁺
(``against`` "lowest" or "highest"), σ the standard deviation (of the population) of t over all scored
passages of the query, and rank(p) = 1 + how many of them score strictly higher than p, a mined passage p is
decided on if

    absolute_margin    t(p) - b > -margin         less than ``margin`` below the answer, or above it
    spread_margin      t(p) - b > -share · σ      the same in units of the query's spread
    rank               rank(p) ≤ at               among the first ``at``; equal scores share a rank
    above_positive     t(p) - b > 0               better than the answer

A share of the answer's score, as in t(p) > 0.95 · b, is not among them: logits below zero turn it around,
and the hardest false negatives stay. Adding a constant to all logits of a query changes no decision here;
multiplying them by a positive one changes none but those of ``absolute_margin``, which is in the teacher's
own unit. As min ≤ max, whatever a rule decides against the highest answer it also decides against the lowest.

The numbers are those of the table ``decisions``: whoever holds a row can repeat its comparison.
"""

from abc import abstractmethod
from typing import Literal

import polars as pl
from pydantic import Field, PositiveInt

from models.settings import Settings

Action = Literal["drop", "relabel"]
Side = Literal["lowest", "highest"]


class Rule(Settings):
    """What every rule has; it reads columns score, lowest_score, highest_score, spread and rank of a pair."""

    action: Action = Field(
        default="drop", description="Not a negative, or (relabel) one more answer to learn from."
    )

    @property
    @abstractmethod
    def label(self) -> str:
        """The rule with its numbers, as it stands in the table ``decisions``."""

    @property
    def answer(self) -> Side:
        """Which known answer is named in the decision."""
        return "highest"

    @abstractmethod
    def limit(self) -> pl.Expr:
        """What the difference to the answer's score, or the rank, is held against."""

    @abstractmethod
    def decides(self) -> pl.Expr:
        """Whether the rule decides on a pair."""


class Comparison(Rule):
    """A rule that compares with a known answer."""

    against: Side = Field(
        default="highest",
        description="Of several known answers, by the teacher's score. Lowest decides on more passages.",
    )

    @property
    def answer(self) -> Side:
        """The one that is compared with."""
        return self.against

    def decides(self) -> pl.Expr:
        """Whether the difference lies strictly above the limit."""
        # In float64, for the difference of two float32 may not be one.
        score, answer = (pl.col(name).cast(pl.Float64) for name in ("score", f"{self.against}_score"))
        return score - answer > self.limit()


class AbsoluteMargin(Comparison):
    """t(p) - b > -margin, in the unit of the teacher's logits."""

    kind: Literal["absolute_margin"] = "absolute_margin"
    margin: float = Field(ge=0, allow_inf_nan=False, description="Logits that a negative lies below.")

    @property
    def label(self) -> str:
        """Margin and side."""
        return f"{self.kind}({self.margin}, {self.against})"

    def limit(self) -> pl.Expr:
        """Minus the margin."""
        return pl.lit(-self.margin, pl.Float64)


class SpreadMargin(Comparison):
    """t(p) - b > -share · σ: one number for teachers of any scale."""

    kind: Literal["spread_margin"] = "spread_margin"
    share: float = Field(
        ge=0, allow_inf_nan=False, description="Standard deviations of the query's scores to lie below."
    )

    @property
    def label(self) -> str:
        """Share and side."""
        return f"{self.kind}({self.share}, {self.against})"

    def limit(self) -> pl.Expr:
        """Minus so many standard deviations."""
        return -self.share * pl.col("spread").cast(pl.Float64)


class Rank(Rule):
    """rank(p) ≤ at; known answers count among the first: where one is on top, ``at = 1`` decides nothing.

    Equal scores share a rank, so that copies of one text have one fate.
    """

    kind: Literal["rank"] = "rank"
    at: PositiveInt = Field(description="The last rank that is no negative.")

    @property
    def label(self) -> str:
        """The last rank."""
        return f"{self.kind}({self.at})"

    def limit(self) -> pl.Expr:
        """The last rank."""
        return pl.lit(self.at, pl.Float64)

    def decides(self) -> pl.Expr:
        """Whether the passage is among the first."""
        return pl.col("rank") <= self.at


class AbovePositive(Comparison):
    """t(p) - b > 0; an equal score is not above."""

    kind: Literal["above_positive"] = "above_positive"

    @property
    def label(self) -> str:
        """The side."""
        return f"{self.kind}({self.against})"

    def limit(self) -> pl.Expr:
        """Zero."""
        return pl.lit(0.0, pl.Float64)
