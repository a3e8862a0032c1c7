"""Fit a model with its library's trainer, and watch the loss on the way.

The trainers of sentence-transformers are one trainer underneath, so that arguments, progress, the
curve and the refusal of a diverging run are written once, here. Nothing is saved on the way: a
trainer's checkpoints hold pickles, and a stage is made whole or not at all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast, runtime_checkable

import polars as pl
import pyarrow as pa
from datasets import Dataset
from sentence_transformers.base.model import BaseModel
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.base.training_args import BaseTrainingArguments
from sentence_transformers.util import resolve_ids
from torch import nn
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback

from data.errors import StageFailed
from data.progress import meter
from data.schemas import CURVE
from data.tables import from_rows
from models.batches import Lists
from models.encoders.attention import fast_attention
from models.hardware import device, keep_freed_memory, resolve_precision
from models.student import Lesson
from models.trainers import OnceTokenized
from models.training import TrainingConfig

ArgumentsT = TypeVar("ArgumentsT", bound=BaseTrainingArguments)
CURVE_POINTS = 200
# What the trainer logs of itself, and its gradient's norm by a full name; all else is a measure of the curve.
NO_MEASURES = frozenset(
    {"step", "epoch", "train_runtime", "train_samples_per_second", "train_steps_per_second"}
    | {"total_flos", "train_loss"}
)
RENAMED = {"grad_norm": "gradient_norm"}


@runtime_checkable
class Watched(Protocol):
    """A loss that has more to tell of the steps since the last report than its parts."""

    def measures(self) -> dict[str, float]:
        """What it measured, by name; it starts again from nothing."""
        ...


@dataclass(frozen=True)
class Course:
    """How one student is taught: its model, the library's trainer, a loss, and what the loss is told.

    ``label`` makes of the lists' rows what the trainer reads: query_id, document_ids and, for a loss that
    takes it, label.
    """

    model: BaseModel
    loss: nn.Module
    trainer: type[OnceTokenized]
    arguments: type[BaseTrainingArguments]
    label: Callable[[pl.DataFrame], pl.DataFrame]
    callbacks: Sequence[TrainerCallback] = ()


def teach(course: Course, lists: Lists, settings: TrainingConfig, lesson: Lesson) -> pa.Table:
    """Train a student on all lists and give the curve (table ``curve``).

    Raises:
        StageFailed: the loss is no longer a number.
    """
    set_dropout(course.model, settings.dropout)
    rows = course.label(lists.rows)
    documents = range(1, 1 + int(rows["document_ids"].list.len()[0]))
    # Which of the model's two lengths a column is cut at.
    tasks = {"query": "query", **{f"document_{place}": "document" for place in documents}}
    arguments = training_arguments(
        course.arguments, settings, lists=lists.rows.height, lesson=lesson, tasks=tasks
    )
    trainer = course.trainer(
        model=course.model,
        args=arguments,
        train_dataset=dataset(rows, lists, "columns"),
        loss=course.loss,
        callbacks=list(course.callbacks),
    )
    return fit(trainer, course.loss)


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


def fit(trainer: Trainer, loss: nn.Module | None = None) -> pa.Table:
    """Train to the end and give the curve (table ``curve``), with what a ``Watched`` loss measures.

    Raises:
        StageFailed: the loss is no longer a number.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch(loss if isinstance(loss, Watched) else None))
    keep_freed_memory()
    with fast_attention(cast("nn.Module", trainer.model)):
        trainer.train()
    return curve(trainer.state.log_history)


def curve(history: list[dict[str, Any]]) -> pa.Table:
    """Make the table ``curve`` of a trainer's log.

    >>> curve([{"step": 1, "loss": 2.0, "epoch": 0.1}, {"step": 1, "train_runtime": 3.0}]).to_pylist()
    [{'step': 1, 'measure': 'loss', 'value': 2.0}]
    """
    rows = [
        (entry["step"], RENAMED.get(name, name), float(value))
        for entry in history
        for name, value in entry.items()
        if name not in NO_MEASURES
    ]
    return from_rows(rows, CURVE)


class Watch(TrainerCallback):
    """Shows a bar on a terminal, asks the loss what it measured, and stops a run whose loss is no number."""

    def __init__(self, loss: Watched | None = None) -> None:
        self._loss = loss

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Start the bar."""
        self.bar = meter("training", "step", state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Move the bar."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Check the loss, and add what it measured to the log.

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
        if self._loss is not None and "loss" in state.log_history[-1]:
            state.log_history[-1].update(self._loss.measures())

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Remove the bar."""
        self.bar.close()
