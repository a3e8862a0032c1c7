"""How long, how fast and in which precision a model is trained: what every training shares."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from models.hardware import Precision
from models.settings import Settings, runtime


class MultiTaskSettings(Settings):
    """What an encoder learns from the texts themselves, beside its distillation (``models.multi_task``)."""

    mlm_weight: NonNegativeFloat = Field(
        default=0.1, description="Of the masked language model's loss; 0 leaves it out."
    )
    mask_share: float = Field(default=0.15, gt=0, lt=1, description="Of the tokens, hidden; BERT's 15 %.")
    mlm_texts: PositiveInt = Field(
        default=32, description="Distinct queries and passages of a step that are read with tokens hidden."
    )
    simcse_weight: NonNegativeFloat = Field(default=0.1, description="Of SimCSE's loss; 0 leaves it out.")
    simcse_texts: Literal["query", "document"] = Field(
        default="query", description="What is encoded twice: the step's queries, or its positives."
    )
    simcse_temperature: PositiveFloat = Field(default=0.05, description="Under the cosines; SimCSE's 0.05.")
    simcse_dropout: float = Field(
        default=0.1, gt=0, lt=1, description="In SimCSE's two passes alone; without it they would be one."
    )
    one_per_step: bool = Field(
        default=False,
        description="One by lot at a step, with twice its weight: cheaper, the same on average.",
    )
    cosines_every: NonNegativeInt = Field(
        default=10,
        description="Steps between two measurements of how far the gradients agree; 0: none.",
    )


class TrainingConfig(Settings):
    """Settings of one training with AdamW and a linear schedule."""

    epochs: PositiveFloat = Field(default=1.0, description="Passes over the lists; 0.5 is half of one.")
    max_steps: PositiveInt | None = Field(default=None, description="Stop there, if epochs would go further.")
    batch_size: PositiveInt = Field(default=32, description="Lists per step; 32 as Hofstätter et al. 2020.")
    learning_rate: PositiveFloat = Field(
        default=2e-4, description="Peak; high, since runs are short: chosen on the sample's dev queries."
    )
    warmup_share: float = Field(default=0.1, ge=0, lt=1, description="Of the steps; BERT's 10 %.")
    weight_decay: NonNegativeFloat = Field(default=0.01, description="As BERT.")
    max_gradient_norm: PositiveFloat = Field(default=1.0, description="As BERT.")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="0: a teacher's soft targets regularise, and steps are faster."
    )
    precision: Precision = Field(
        default="auto", description="bfloat16 for matrix products where the hardware has it, else float32."
    )
    checkpoint_seconds: PositiveFloat = runtime(
        default=60.0,
        description="Between two checkpoints, from which a training that is cut off goes on; more where "
        "writing them would take over 1 % of the time.",
    )
    multi_task: MultiTaskSettings | None = Field(
        default=None, description="Tasks beside the distillation, for encoders; None: the distillation alone."
    )

    def lists(self, in_one_epoch: int) -> int:
        """Number of lists to learn from, where one pass has so many.

        >>> TrainingConfig(epochs=1.5, batch_size=4).lists(10)
        15
        """
        wanted = math.ceil(in_one_epoch * self.epochs)
        return min(wanted, self.max_steps * self.batch_size) if self.max_steps else wanted

    def steps(self, lists: int) -> int:
        """Number of updates for so many lists; the last may be of fewer than the others.

        >>> TrainingConfig(batch_size=4).steps(15)
        4
        """
        return math.ceil(lists / self.batch_size)


def _one_task(training: TrainingConfig) -> TrainingConfig:
    if training.multi_task is not None:
        msg = "found multi_task; expected none: what is trained here is no encoder of texts. Leave it out."
        raise ValueError(msg)
    return training


# For what learns one task: a cross-encoder, a model that writes.
OneTaskTraining = Annotated[TrainingConfig, AfterValidator(_one_task)]
