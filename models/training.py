"""How long, how fast and in which precision a model is trained: what every training shares."""

import math

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from models.hardware import Precision
from models.settings import Settings


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
