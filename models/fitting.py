"""Fit a model with its library's trainer, and watch the loss on the way.

The trainers of sentence-transformers are one trainer underneath, so that arguments, progress, the
curve and the refusal of a diverging run are written once, here. Nothing is saved on the way: a
trainer's checkpoints hold pickles, and a stage is made whole or not at all.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import polars as pl
import pyarrow as pa
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoderTrainer, SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.base.training_args import BaseTrainingArguments
from sentence_transformers.util import resolve_ids
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback

from data.errors import StageFailed
from data.progress import meter
from data.schemas import CURVE
from data.tables import from_rows
from models.batches import Lists
from models.hardware import device, resolve_precision
from models.student import Lesson
from models.training import TrainingConfig

ArgumentsT = TypeVar("ArgumentsT", bound=BaseTrainingArguments)
CURVE_POINTS = 200
# What the trainer logs, by the name it has in the curve.
MEASURES = {"loss": "loss", "learning_rate": "learning_rate", "grad_norm": "gradient_norm"}


def training_arguments(
    kind: type[ArgumentsT],
    config: TrainingConfig,
    *,
    lists: int,
    lesson: Lesson,
    tasks: Mapping[str, str] | None = None,
) -> ArgumentsT:
    """Make the arguments of a trainer of sentence-transformers.

    Args:
        kind: the trainer's class of arguments.
        config: what to put into them.
        lists: how many there are, all epochs together.
        lesson: gives the seed of dropout and where the trainer may write.
        tasks: whether a column holds a ``query`` or a ``document``: texts are cut at the length of each.
    """
    steps = config.steps(lists)
    on_cpu = device() == "cpu"
    return kind(
        output_dir=str(lesson.scratch),
        max_steps=steps,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(config.warmup_share * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_gradient_norm,
        bf16=resolve_precision(config.precision) == "bfloat16",
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        seed=lesson.seed,
        batch_sampler=_in_order,
        logging_steps=math.ceil(steps / CURVE_POINTS),
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        push_to_hub=False,
        disable_tqdm=True,
        router_mapping=dict(tasks or {}),
    )


def _in_order(dataset: Dataset, batch_size: int, **_: Any) -> DefaultBatchSampler:  # noqa: ANN401
    """Take the lists as they come: their order is part of what was drawn."""
    order: Any = SequentialSampler(dataset)
    return DefaultBatchSampler(order, batch_size=batch_size, drop_last=False)


def dataset(rows: pl.DataFrame, lists: Lists, layout: Literal["columns", "lists"]) -> Dataset:
    """Make what a trainer reads: query, document_1 … document_n or documents, and label if ``rows`` has it.

    Texts are looked up when a batch is made, so that each is held once however many lists name it.
    """
    found = Dataset.from_polars(rows)
    queries, documents = Dataset.from_polars(lists.queries), Dataset.from_polars(lists.documents)
    lookups: dict[str, Any] = {"query_id": queries, "document_ids": documents}
    found.set_transform(resolve_ids(lookups, output_format=layout))
    return found


def set_dropout(model: nn.Module, share: float) -> None:
    """Zero this share of activations wherever the model has a dropout."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share


def parameters(model: nn.Module) -> float:
    """Count the weights."""
    return float(sum(weights.numel() for weights in model.parameters()))


def fit(trainer: Trainer) -> pa.Table:
    """Train to the end and give the curve (table ``curve``).

    Raises:
        StageFailed: the loss is no longer a number.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch())
    trainer.train()
    return curve(trainer.state.log_history)


def curve(history: list[dict[str, Any]]) -> pa.Table:
    """Make the table ``curve`` of a trainer's log.

    >>> curve([{"step": 1, "loss": 2.0, "epoch": 0.1}, {"step": 1, "train_runtime": 3.0}]).to_pylist()
    [{'step': 1, 'measure': 'loss', 'value': 2.0}]
    """
    rows = [
        (entry["step"], measure, float(entry[name]))
        for entry in history
        for name, measure in MEASURES.items()
        if name in entry
    ]
    return from_rows(rows, CURVE)


class EncodeOnce(nn.Module):
    """Encodes equal texts of a step once. Gradients are those of the model itself, but for its dropout."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """Run the model on distinct rows of tokens and hand its vectors to every copy."""
        tokens = features["input_ids"]
        _, copy_of = torch.unique(tokens, dim=0, return_inverse=True)
        first = torch.full((int(copy_of.max()) + 1,), len(tokens), device=tokens.device)
        first = first.scatter_reduce(0, copy_of, torch.arange(len(tokens), device=tokens.device), "amin")
        distinct = {
            name: value[first] if isinstance(value, Tensor) and len(value) == len(tokens) else value
            for name, value in features.items()
        }
        return {"sentence_embedding": self.model(distinct)["sentence_embedding"][copy_of]}


class _NoCard:
    """Leaves out the model card: it would draw examples of the texts, and the manifest tells more."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none."""


class EncoderTrainer(_NoCard, SentenceTransformerTrainer):
    """Trains a SentenceTransformer."""


class RerankerTrainer(_NoCard, CrossEncoderTrainer):
    """Trains a CrossEncoder."""


class Watch(TrainerCallback):
    """Shows a bar on a terminal and stops a run whose loss is no number."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Start the bar."""
        self.bar = meter("training", "step", state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Move the bar."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Check the loss.

        Raises:
            StageFailed: it is NaN or infinite.
        """
        loss = state.log_history[-1].get("loss", 0.0)
        if not math.isfinite(loss):
            msg = (
                f"training, step {state.global_step}: found loss {loss}; expected a number. "
                "Lower training.learning_rate, or set training.precision to float32."
            )
            raise StageFailed(msg)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Remove the bar."""
        self.bar.close()
