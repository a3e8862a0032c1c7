"""Targets: a teacher's scores made what a loss takes, list by list, under a name.

    identity                  t' = t
    factor                    t' = by · t                                     1 / by is a temperature
    min_max                   t' = (t - min) / (max - min)                    over the list
    z                         t' = (t - mean) / std                           over the list
    affine_to                 t' = (t - mean_t) · std_r / std_t + mean_r      over all pairs both scored
    temperature_for_entropy   t' = β · t,  mean over lists of H(softmax(β · t)) / ln n  =  entropy

where std divides by n and not by n - 1, r is the reference (a miner or another teacher), H is the entropy of
a list in nats and n its length. In a list whose scores are all equal nobody is better: there min_max and z
are 0, never NaN. ``affine_to`` is what SPLADE-v3 does with an ensemble of min-max scores (Lassance et al.
2024, https://arxiv.org/abs/2403.06789); it keeps every ratio of gaps, and gives them the size of the
reference's. What a loss takes of all this is in ``models.contracts``.
"""

from abc import abstractmethod
from typing import Annotated, Literal, get_args

import numpy as np
import polars as pl
from pydantic import Field, PositiveFloat

from data.errors import ConfigError
from models.entropy import sharpness_for_entropy
from models.scales import ScaleName
from models.settings import Name, Settings


class Target(Settings):
    """A named transform of lists: query_id, document_ids and label (a list of the teacher's scores)."""

    @abstractmethod
    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """Give the lists with new labels, of the type that they had.

        Args:
            lists: one row a list; other columns stay as they are.
            reference: scores of the reference (qid, pid, score), each pair once; only ``affine_to`` reads it.
        """

    @abstractmethod
    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """The scale that comes out, when ``scale`` goes in."""


class Identity(Target):
    """Scores as the teacher gave them."""

    kind: Literal["identity"] = "identity"

    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """The same lists."""
        del reference
        return lists

    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """The same scale."""
        del reference
        return scale


class Factor(Target):
    """Scores times a number: who sets it says that the products are logits."""

    kind: Literal["factor"] = "factor"
    by: PositiveFloat = Field(description="Times the scores, 1 / temperature: 20 for cosines.")

    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """Multiply.

        >>> Factor(by=20.0).apply(pl.DataFrame({"label": [[0.5, 0.25]]})).rows()
        [([10.0, 5.0],)]
        """
        del reference
        return _each(lists, pl.element() * self.by)

    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """Logits."""
        del scale, reference
        return "logit"


class MinMax(Target):
    """A list's worst passage is 0 and its best 1; a list of equal scores is all 0."""

    kind: Literal["min_max"] = "min_max"

    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """Stretch each list to [0, 1].

        >>> MinMax().apply(pl.DataFrame({"label": [[8.0, 2.0, 5.0], [3.0, 3.0]]})).rows()
        [([1.0, 0.0, 0.5],), ([0.0, 0.0],)]
        """
        del reference
        return _each(lists, min_max(pl.element()))

    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """Shares of the list's range."""
        del scale, reference
        return "unit_range"


class ZScore(Target):
    """Standard deviations from the list's mean; a list of equal scores is all 0."""

    kind: Literal["z"] = "z"

    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """Give each list the mean 0 and the standard deviation 1.

        >>> ZScore().apply(pl.DataFrame({"label": [[3.0, 1.0, 3.0, 1.0]]})).rows()
        [([1.0, -1.0, 1.0, -1.0],)]
        """
        del reference
        return _each(lists, z_score(pl.element()))

    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """Standard deviations."""
        del scale, reference
        return "standard"


class AffineTo(Target):
    """Scores with the mean and the spread of another system's, over the whole data set."""

    kind: Literal["affine_to"] = "affine_to"
    reference: Name = Field(description="A miner or a teacher, whose mean and spread the scores get.")

    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """Shift and stretch all lists alike; every distinct pair of them that both scored counts once.

        Raises:
            ConfigError: the reference scored fewer than two of the pairs, or one of both has no spread.
        """
        shared = _shared(lists, reference)
        own, theirs = (shared[name].to_numpy().astype(np.float64) for name in ("label", "score"))
        # Not by the spread alone: that of equal numbers may be a rounding error.
        if any(np.unique(scores).size < 2 for scores in (own, theirs)):
            raise ConfigError(
                where=f"targets.reference = {self.reference!r}",
                found=f"{own.size} pairs that it and the teacher scored, all with the same score",
                expected="two pairs or more, with different scores of both",
                advice="Name a miner or teacher that scored the lists, such as the first of the miners.",
            )
        ratio = float(theirs.std() / own.std())
        return _each(lists, (pl.element() - float(own.mean())) * ratio + float(theirs.mean()))

    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """The scale of the reference."""
        del scale
        return reference


class TemperatureForEntropy(Target):
    """One temperature for all lists, chosen so that the targets are as undecided as is wanted."""

    kind: Literal["temperature_for_entropy"] = "temperature_for_entropy"
    entropy: float = Field(
        gt=0, lt=1, description="Mean entropy of the targets, as a share of that of equal odds."
    )

    def apply(self, lists: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
        """Multiply by the number that gives the entropy.

        Raises:
            ConfigError: no temperature gives it, because too many lists have equal best scores.
        """
        del reference
        return _each(lists, pl.element() * sharpness_for_entropy(lists["label"], self.entropy))

    def scale_after(self, scale: ScaleName, reference: ScaleName = "unknown") -> ScaleName:
        """Logits."""
        del scale, reference
        return "logit"


AnyTarget = Identity | Factor | MinMax | ZScore | AffineTo | TemperatureForEntropy
TargetChoice = Annotated[AnyTarget, Field(discriminator="kind")]
KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(AnyTarget))


def min_max(scores: pl.Expr) -> pl.Expr:
    """Shares of the range of ``scores``; all 0 where they are equal."""
    span = scores.max() - scores.min()
    return pl.when(span > 0).then((scores - scores.min()) / span).otherwise(0.0)


def z_score(scores: pl.Expr) -> pl.Expr:
    """Standard deviations from the mean of ``scores``; all 0 where they are equal."""
    # Not by the spread alone: the mean of equal numbers is rounded, and their spread then is not 0.
    differ, spread = scores.max() > scores.min(), scores.std(ddof=0)
    return pl.when(differ & (spread > 0)).then((scores - scores.mean()) / spread).otherwise(0.0)


def _each(lists: pl.DataFrame, transformed: pl.Expr) -> pl.DataFrame:
    exact = pl.col("label").cast(pl.List(pl.Float64))
    return lists.with_columns(exact.list.eval(transformed).cast(lists.schema["label"]).alias("label"))


def _shared(lists: pl.DataFrame, reference: pl.LazyFrame | None) -> pl.DataFrame:
    """The distinct pairs of the lists that the reference scored: label and score."""
    if reference is None:
        return pl.DataFrame(schema={"label": pl.Float64, "score": pl.Float64})
    pairs = lists.lazy().select(qid="query_id", pid="document_ids", label="label").explode("pid", "label")
    shared = pairs.unique(["qid", "pid"]).join(reference, on=["qid", "pid"]).sort("qid", "pid")
    return shared.select("label", "score").collect()
