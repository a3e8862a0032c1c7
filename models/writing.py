"""Teach a model that writes: batches of rows in, a loss out, in the order in which they come.

    L = − mean over tokens of  log p(i_t | x, i_<t),        with smoothed labels

for texts x and what is to be written of them, i. The trainer is transformers' own; what a batch is made of is
between the rows and the loss.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
from sentence_transformers import SentenceTransformerTrainingArguments
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer

from models import fitting
from models.encoders.seq2seq import Seq2Seq
from models.identifier_rows import Row
from models.student import Lesson
from models.training import TrainingConfig


class WritingLoss(nn.Module):
    """Cross-entropy of the rows' targets.

    Args:
        model: learns.
        smoothing: of the labels.
    """

    def __init__(self, model: Seq2Seq, smoothing: float) -> None:
        super().__init__()
        self._writer = model
        self._smoothing = smoothing

    def forward(self, rows: Sequence[Row]) -> Tensor:
        """Mean over the tokens of all targets."""
        texts, targets = [row.text for row in rows], [row.target for row in rows]
        return self._writer.loss(texts, targets, self._smoothing)


class RowTrainer(Trainer):
    """Gives a loss the rows of a step; takes them in their order."""

    def __init__(self, loss: nn.Module, rows: Sequence[Any], **options: Any) -> None:  # noqa: ANN401
        super().__init__(train_dataset=Rows(rows), data_collator=lambda some: {"rows": some}, **options)
        self._loss_of_rows = loss

    def compute_loss(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> Tensor:  # noqa: ANN401, ARG002
        """The loss of one step."""
        return self._loss_of_rows(inputs["rows"])

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:  # noqa: ANN401
        return SequentialSampler(train_dataset or cast("Rows", self.train_dataset))


class Rows(Dataset[Any]):
    """A list, as a trainer wants it."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Any:  # noqa: ANN401
        return self._rows[place]


def teach_rows(
    model: nn.Module, loss: nn.Module, rows: Sequence[Any], settings: TrainingConfig, lesson: Lesson
) -> pa.Table:
    """Train on all rows, epoch by epoch in an order drawn with the lesson's seed; give the curve.

    Args:
        model: whose weights learn.
        loss: of a list of rows; one that is ``Watched`` adds its measures.
        rows: whatever the loss takes.
        settings: of the training.
        lesson: gives the seed, and where the trainer may write.

    Raises:
        StageFailed: the loss is no longer a number.
    """
    fitting.set_dropout(model, settings.dropout)
    total = settings.lists(len(rows))
    draw = np.random.default_rng(lesson.seed)
    epochs = [draw.permutation(len(rows)) for _ in range(-(-total // len(rows)))]
    ordered = [rows[place] for place in np.concatenate(epochs)[:total]]
    arguments = fitting.training_arguments(
        SentenceTransformerTrainingArguments, settings, lists=total, lesson=lesson
    )
    # No column is the model's own: the loss reads the rows.
    arguments.remove_unused_columns = False
    curve = fitting.fit(RowTrainer(loss, ordered, model=model, args=arguments), loss, settings, lesson)
    model.eval()
    return curve
