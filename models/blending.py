"""Several teachers' scores of the same pairs, blended into one score a pair; nothing is scored again.

    mean           1/M Σ t_m                        members must share a scale
    min_max_mean   1/M Σ (t_m - min) / (max - min)  over the query's pairs
    rrf            Σ 1 / (k + rank_m)               ranks from 1, equal scores by pid   (Cormack et al. 2009)
    affine         Σ w_m · z_m                      z over the query's pairs; weights given
    fitted         Σ w_m · z_m                      weights ≥ 0 fitted on dev (``models.blend_fitting``)

with t_m the raw score of member m, z_m = (t_m - mean) / std over all stored pairs of the query, and the
min, max and ranks over these as well. Where a member gives all pairs of a query the same score, its min-max
and z scores are 0. Weights of ``affine`` are used as they stand: only their ratios change an order, their
sum is the spread that comes out. What does not depend on a query (``mean``) keeps the members' scale.
Sources: https://doi.org/10.1145/1571941.1572114 (RRF, k = 60); https://arxiv.org/abs/2403.06789 (min-max mean
of five teachers, SPLADE-v3).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import polars as pl
from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt

from data.errors import ConfigError, SchemaError
from models.scales import ScaleName
from models.settings import Name, Settings
from models.targets import min_max, z_score


class Blend(Settings):
    """A rule that makes one score of the members' scores."""

    @abstractmethod
    def scores(self, columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
        """The blended score, as an expression over the rows of ``beside``, which are sorted by qid and pid.

        Args:
            columns: the scores of each member, by its name.
            weights: of each member; only ``fitted`` reads them.
        """

    @abstractmethod
    def scale(self, members: Sequence[ScaleName]) -> ScaleName:
        """The scale that comes out, when the members' scores are of the scales ``members``."""

    def problem(self, members: Sequence[str], scales: Sequence[ScaleName]) -> str:
        """What keeps members of these names and scales from being blended so; empty if nothing does."""
        del members, scales
        return ""


class Mean(Blend):
    """The mean of raw scores, for members of one scale."""

    kind: Literal["mean"] = "mean"

    def scores(self, columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
        """Mean of the members."""
        del weights
        return pl.mean_horizontal(*columns.values())

    def scale(self, members: Sequence[ScaleName]) -> ScaleName:
        """The one that all members share, else unknown."""
        return members[0] if len(set(members)) == 1 else "unknown"

    def problem(self, members: Sequence[str], scales: Sequence[ScaleName]) -> str:
        """Members of different scales: the larger numbers alone would decide.

        >>> Mean().problem(["a", "b"], ["logit", "cosine"])
        'found scores of the scales cosine, logit; expected one scale for a mean of raw scores'
        """
        del members
        if self.scale(scales) != "unknown" or set(scales) == {"unknown"}:
            return ""
        found = ", ".join(sorted(set(scales)))
        return f"found scores of the scales {found}; expected one scale for a mean of raw scores"


class MinMaxMean(Blend):
    """The mean of scores that were stretched to [0, 1], query by query and member by member."""

    kind: Literal["min_max_mean"] = "min_max_mean"

    def scores(self, columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
        """Mean of the members' shares of their ranges."""
        del weights
        return pl.mean_horizontal(*(min_max(scores).over("qid") for scores in columns.values()))

    def scale(self, members: Sequence[ScaleName]) -> ScaleName:
        """Shares of a range."""
        del members
        return "unit_range"


class Rrf(Blend):
    """Reciprocal rank fusion: only the order that a member gives counts."""

    kind: Literal["rrf"] = "rrf"
    k: PositiveInt = Field(default=60, description="The larger, the less the first ranks stand out.")

    def scores(self, columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
        """Sum of the reciprocal ranks."""
        del weights
        # Ordinal ranks go to equal scores in the order of the rows, which is that of the pid.
        ranks = (scores.rank("ordinal", descending=True).over("qid") for scores in columns.values())
        return pl.sum_horizontal(*(1.0 / (self.k + rank.cast(pl.Float64)) for rank in ranks))

    def scale(self, members: Sequence[ScaleName]) -> ScaleName:
        """Ranks."""
        del members
        return "rank"


class Affine(Blend):
    """A sum of standardised scores with weights that are given."""

    kind: Literal["affine"] = "affine"
    weights: dict[Name, FiniteFloat] = Field(
        min_length=1, description="Of each member, on its z scores; used as they stand."
    )

    def scores(self, columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
        """Weighted sum of the members' z scores."""
        del weights
        return _weighted(columns, self.weights)

    def scale(self, members: Sequence[ScaleName]) -> ScaleName:
        """Standard deviations, of a spread that the weights give."""
        del members
        return "standard"

    def problem(self, members: Sequence[str], scales: Sequence[ScaleName]) -> str:
        """Weights for others than the members.

        >>> Affine(weights={"a": 1.0}).problem(["a", "b"], ["logit", "cosine"])
        'found weights of a; expected one for each of a, b'
        """
        del scales
        given, wanted = (", ".join(sorted(names)) for names in (self.weights, members))
        return "" if given == wanted else f"found weights of {given}; expected one for each of {wanted}"


class Fitted(Blend):
    """A sum of standardised scores with weights from 0 that the judged queries of the split dev give."""

    kind: Literal["fitted"] = "fitted"
    ridge: PositiveFloat = Field(
        default=0.01, description="Times half the sum of squared weights: keeps them finite, and unique."
    )

    def scores(self, columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
        """Weighted sum of the members' z scores.

        Raises:
            ConfigError: nobody fitted the weights.
        """
        if set(columns) - set(weights):
            raise ConfigError(
                where="blend.kind = 'fitted'",
                found=f"no weights of {', '.join(sorted(set(columns) - set(weights)))}",
                expected="the weights that blend_answers fitted",
                advice="Pass the weights that stand in weights.json of its artifact.",
            )
        return _weighted(columns, weights)

    def scale(self, members: Sequence[ScaleName]) -> ScaleName:
        """Logits: a softmax over a query's pairs is what was fitted to the judgements."""
        del members
        return "logit"


AnyBlend = Mean | MinMaxMean | Rrf | Affine | Fitted
BlendChoice = Annotated[AnyBlend, Field(discriminator="kind")]


def blend(
    rows: pl.DataFrame, members: Sequence[str], rule: Blend, weights: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """Blend the members' scores of whole queries: qid, pid and score (float32), sorted by qid and pid.

    Args:
        rows: one a pair and member: qid, pid, teacher, score.
        members: the names under ``teacher``, each once.
        rule: how.
        weights: of each member, for ``fitted``.

    Raises:
        SchemaError: a pair was not scored by all members.

    >>> rows = [("q", "a", "s", 1.0), ("q", "a", "t", 3.0), ("q", "b", "s", 0.0), ("q", "b", "t", 6.0)]
    >>> frame = pl.DataFrame(rows, ["qid", "pid", "teacher", "score"], orient="row")
    >>> blend(frame, ["s", "t"], Mean()).rows()
    [('q', 'a', 2.0), ('q', 'b', 3.0)]
    """
    columns = {name: pl.col(column_of(place)) for place, name in enumerate(members)}
    score = rule.scores(columns, weights or {}).cast(pl.Float32).alias("score")
    return beside(rows, members).select("qid", "pid", score)


def beside(rows: pl.DataFrame, members: Sequence[str]) -> pl.DataFrame:
    """Put the members' scores of a pair beside each other, as float64, sorted by qid and pid.

    Raises:
        SchemaError: a pair was not scored by all members.
    """
    joined = rows.select("qid", "pid").unique()
    for place, name in enumerate(members):
        scored = rows.filter(teacher=name).select(
            "qid", "pid", pl.col("score").cast(pl.Float64).alias(column_of(place))
        )
        joined = joined.join(scored, on=["qid", "pid"], how="left")
    joined = joined.sort("qid", "pid")
    for place, name in enumerate(members):
        missing = joined.filter(pl.col(column_of(place)).is_null())
        if missing.height:
            qid, pid = missing.select("qid", "pid").row(0)
            msg = (
                f"answers: found {missing.height} pairs that {name} did not score but another member did, "
                f"such as ({qid}, {pid}); expected every pair scored by all of {', '.join(members)}. "
                "Score the same candidates with every member."
            )
            raise SchemaError(msg)
    return joined


def column_of(place: int) -> str:
    """Name of a member's column: by place, for a teacher may be called ``qid``."""
    return f"member {place}"


def _weighted(columns: Mapping[str, pl.Expr], weights: Mapping[str, float]) -> pl.Expr:
    standard = {name: z_score(scores).over("qid") for name, scores in columns.items()}
    return pl.sum_horizontal(*(weights[name] * scores for name, scores in standard.items()))
