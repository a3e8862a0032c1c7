"""Train a cross-encoder on judgements: read query and passage together, put the positive first.

    listnet   -log softmax(z)⁺                                              (Cao et al. 2007, one positive)
    lambda    Σ over pairs (i better than j) of  w_ij · log₂(1 + exp(z_j - z_i))       (Wang et al. 2018)

where z are the logits of one list: a positive and some mined negatives. In ``lambda``, w is what swapping i
and j would change of nDCG. The body comes from a backbone, the head starts from nothing.
"""

from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeInt

from models.batches import ListSettings, draw_lists
from models.hardware import device
from models.settings import Settings
from models.student import Lesson
from models.training import OneTaskTraining, TrainingConfig

RankingLoss = Literal["listnet", "lambda"]
# The library makes ListNet's target a softmax of the labels: 10 gives the answer all but 0.0003 of it.
SURE = 10.0
# Pairs per forward pass in a loss on lists; its default would be one pair per list.
ALL = -1


class CrossEncoderTraining(Settings):
    """How a cross-encoder is trained here."""

    loss: RankingLoss = "listnet"
    lists: ListSettings = ListSettings(negatives=7, generated_share=0.0)
    training: OneTaskTraining = TrainingConfig(batch_size=8, learning_rate=1e-4, dropout=0.1)
    seed: NonNegativeInt = Field(default=0, description="Of the head, the lists, their order and dropout.")

    def train(
        self, backbone: Path, lesson: Lesson, *, max_tokens: int, template: str, folder: Path
    ) -> tuple[pa.Table, dict[str, float]]:
        """Train, write the model to ``folder``, and give the curve and what there was to learn from.

        Raises:
            ConfigError: no query has both a positive and a mined negative.
            StageFailed: the loss is no longer a number.
        """
        import torch
        from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments

        from models import fitting, trainers

        lists = draw_lists(lesson, self.lists, self.training, template)
        rows = judged(self.loss, lists.rows)
        torch.manual_seed(self.seed)
        model = _start(backbone, max_tokens)
        fitting.set_dropout(model, self.training.dropout)
        arguments = fitting.training_arguments(
            CrossEncoderTrainingArguments, self.training, lists=rows.height, lesson=lesson
        )
        loss = loss_of(self.loss, model)
        trainer = trainers.RerankerTrainer(
            model=model, args=arguments, train_dataset=fitting.dataset(rows, lists, "lists"), loss=loss
        )
        curve = fitting.fit(trainer, loss, self.training, lesson)
        model.save_pretrained(str(folder), create_model_card=False)
        return curve, {**lists.facts(self.training), "parameters": fitting.parameters(model)}


def judged(loss: RankingLoss, rows: pl.DataFrame) -> pl.DataFrame:
    """Give each list its labels: the first passage is the answer.

    >>> judged("lambda", pl.DataFrame({"query_id": ["q1"], "document_ids": [["p1", "p2"]]})).rows()
    [('q1', ['p1', 'p2'], [1.0, 0.0])]
    """
    answer = SURE if loss == "listnet" else 1.0
    place = pl.int_ranges(pl.col("document_ids").list.len())
    labels = place.list.eval(pl.when(pl.element() == 0).then(answer).otherwise(0.0))
    return rows.select("query_id", "document_ids", label=labels)


def loss_of(loss: RankingLoss, model: Any) -> Any:  # noqa: ANN401  (CrossEncoder in, Module out)
    """The library's loss."""
    from sentence_transformers.cross_encoder import losses

    match loss:
        case "listnet":
            return losses.ListNetLoss(model, mini_batch_size=ALL)
        case "lambda":
            return losses.LambdaLoss(model, mini_batch_size=ALL)


def _start(backbone: Path, max_tokens: int) -> Any:  # noqa: ANN401  (CrossEncoder)
    """Open the backbone with a head that knows nothing yet."""
    from sentence_transformers import CrossEncoder

    return CrossEncoder(
        str(backbone),
        num_labels=1,
        max_length=max_tokens,
        device=device(),
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
