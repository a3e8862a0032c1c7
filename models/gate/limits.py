"""What a teacher must show before students learn from it: every limit of the gate, in one section.

A field ``min_<check>`` or ``max_<check>`` is the limit of the check of that name, so that a message can name
the setting to change. Defaults let a decent teacher pass and stop one that is broken; they are no
measure of how good a teacher ought to be.
"""

from typing import Any, Literal

from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveInt

from models.settings import Settings, runtime


def _share(default: float, description: str) -> Any:  # noqa: ANN401  (as pydantic's Field)
    return Field(default=default, ge=0, le=1, description=description)


def _from_zero(default: float, description: str) -> Any:  # noqa: ANN401
    return Field(default=default, ge=0, description=description)


class GateConfig(Settings):
    """Limits, how much is looked at, and what a teacher that falls short means for the run."""

    on_failure: Literal["stop", "warn"] = runtime(
        "stop", "stop: the run ends with exit code 3 before a student trains; warn: it says so and goes on."
    )
    min_ndcg: float = _share(0.1, "nDCG@10 on dev of all passages of the answer key, 0 to 1.")
    max_ndcg_loss: FiniteFloat = Field(
        default=0.02,
        ge=-1,
        le=1,
        description="nDCG@10 on dev that the best miner's own order has more than the teacher's order of the "
        "same passages.",
    )
    min_auc: float = _share(0.6, "AUC within a dev query, ties half; a coin has 0.5.")
    max_auc_loss: FiniteFloat = Field(
        default=0.05, ge=-1, le=1, description="As max_ndcg_loss, of AUC and the miner that is best by it."
    )
    min_positives_above: float = _share(
        0.6, "Share of a dev query's pairs of a positive and a negative whose positive scores truly higher."
    )
    max_ties: float = _share(0.5, "Share of scores that another passage of the same query has too.")
    max_saturation: float = _share(0.3, "Share of scores that are the most frequent value, as 0.0 or a cap.")
    max_not_finite: NonNegativeInt = Field(
        default=0, description="Scores of the key that are NaN or infinite."
    )
    max_length_correlation: float = _share(
        0.5, "Mean over queries of Spearman's rho of score and passage length, without its sign."
    )
    max_truncated: float = _share(0.25, "Share of pairs longer than the teacher's max_tokens.")
    max_duplicate_drift: FiniteFloat = _from_zero(
        0.05, "Largest gap between scores of one query text and one passage text, in spreads of the scores."
    )
    max_precision_drift: FiniteFloat = _from_zero(
        0.1, "Root mean square of what float32 changes of a score, in spreads of the scores."
    )
    max_order_drift: FiniteFloat = _from_zero(
        0.05, "Root mean square of what other batches in another order change, in spreads of the scores."
    )
    min_agreement: float = Field(
        default=-0.1,
        ge=-1,
        le=1,
        description="Mean Spearman's rho with the other teacher most alike, within a query and one miner. "
        "It cannot tell which of two is wrong: by default only an order turned upside down fails.",
    )
    max_new_parameters: NonNegativeInt = Field(
        default=0, description="Tensors that the checkpoint lacks, so that loading makes them at random."
    )
    max_untrained_head: NonNegativeInt = Field(
        default=0,
        le=1,
        description="1 where nothing tells a cross-encoder's head from one that was never trained, else 0; a "
        "limit of 1 lets all pass.",
    )
    dev_queries: PositiveInt = Field(default=1000, description="Judged dev queries that are looked at.")
    other_queries: NonNegativeInt = Field(
        default=1000, description="Further queries of the answer key for the checks that need no judgement."
    )
    truncation_pairs: PositiveInt = Field(default=1000, description="Pairs whose tokens are counted.")
    rescored_pairs: PositiveInt = Field(default=64, description="Pairs that the teacher scores again.")
    seed: NonNegativeInt = Field(default=0, description="Of what is drawn.")


def limits(config: GateConfig) -> dict[str, tuple[str, float]]:
    """The field and the value of each check's limit, by the name of the check.

    >>> limits(GateConfig())["ties"]
    ('max_ties', 0.5)
    """
    return {
        field[4:]: (field, float(getattr(config, field)))
        for field in GateConfig.model_fields
        if field.startswith(("min_", "max_"))
    }
