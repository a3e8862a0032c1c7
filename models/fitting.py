"""Fit a model with its library's trainer, and watch the loss on the way.

The trainers of sentence-transformers are one trainer underneath, so that arguments, progress, the
curve and the refusal of a diverging run are written once, here. The trainer saves nothing on the way, for
its checkpoints hold pickles: ``models.resuming`` keeps what a training that is cut off needs to go on.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

import polars as pl
import pyarrow as pa
from datasets import Dataset
from sentence_transformers.base.model import BaseModel
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.base.training_args import BaseTrainingArguments
from sentence_transformers.util import resolve_ids
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import SequentialSampler, Subset
from transformers import PrinterCallback, Trainer, TrainerCallback, get_linear_schedule_with_warmup

from data.errors import ConfigError
from data.schemas import CURVE
from models.batches import Lists
from models.encoders.attention import fast_attention
from models.hardware import device, keep_freed_memory, resolve_precision, sums_in_one_order
from models.multi_task import with_tasks
from models.resuming import Keeper
from models.student import Lesson
from models.trainers import OnceTokenized
from models.training import TrainingConfig
from models.watching import Watch, Watched, curve

ArgumentsT = TypeVar("ArgumentsT", bound=BaseTrainingArguments)
CURVE_POINTS = 200


@dataclass(frozen=True)
class Course:
    """How one student is taught: its model, the library's trainer, a loss, and what the loss is told.

    ``label`` makes of the lists' rows what the trainer reads: query_id, document_ids unless no passage is
    encoded, and, for a loss that takes it, label.
    """

    model: BaseModel
    loss: nn.Module
    trainer: type[OnceTokenized]
    arguments: type[BaseTrainingArguments]
    label: Callable[[pl.DataFrame], pl.DataFrame]
    callbacks: Sequence[TrainerCallback] = ()


def teach(
    course: Course,
    lists: Lists,
    settings: TrainingConfig,
    lesson: Lesson,
    rounds: Iterable[Lists] | None = None,
) -> pa.Table:
    """Train a student on all lists and give the curve (table ``curve``).

    Args:
        course: how it is trained.
        lists: what it learns from; their number decides the steps and the schedule.
        settings: of the training.
        lesson: gives the seed of dropout and where the trainer may write.
        rounds: the lists part by part, each drawn when the part before it is learned; None: all at once.

    Raises:
        StageFailed: the loss is no longer a number.
    """
    course = replace(course, loss=with_tasks(course.loss, course.model, settings, lesson.seed))
    set_dropout(course.model, settings.dropout)
    steps = settings.steps(lists.rows.height)
    curves: list[pl.DataFrame] = []
    # Optimizer and schedule go on from round to round.
    carried: tuple[Any, Any] = (None, None)
    done = 0
    for some in (lists,) if rounds is None else rounds:
        rows = course.label(some.rows)
        length = int(rows["document_ids"].list.len()[0]) if "document_ids" in rows.columns else 0
        documents = range(1, 1 + length)
        # Which of the model's two lengths a column is cut at.
        tasks = {"query": "query", **{f"document_{place}": "document" for place in documents}}
        arguments = training_arguments(
            course.arguments, settings, lists=lists.rows.height, lesson=lesson, tasks=tasks
        )
        arguments.max_steps = settings.steps(some.rows.height)
        trainer = course.trainer(
            model=course.model,
            args=arguments,
            train_dataset=dataset(rows, some, "columns"),
            loss=course.loss,
            callbacks=list(course.callbacks),
            optimizers=carried,
        )
        schedule(trainer, steps)
        carried = trainer.optimizer, trainer.lr_scheduler
        found = fit(trainer, course.loss, settings, lesson)
        curves.append(pl.DataFrame(found).with_columns(pl.col("step") + done))
        done += arguments.max_steps
    return pl.concat(curves).to_arrow().cast(CURVE.columns)


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
    arguments = kind(
        output_dir=str(lesson.scratch),
        max_steps=steps,
        per_device_train_batch_size=_share(config.batch_size),
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
    # On a machine with several GPUs the library would multiply the step by them, and with it what is learned.
    arguments._n_gpu = min(arguments.n_gpu, 1)  # pyright: ignore[reportPrivateUsage]
    return arguments


def _share(lists: int) -> int:
    """Lists of a step that fall to this process, of several that train together under torchrun.

    Raises:
        ConfigError: they cannot be dealt out evenly; weights would depend on the number of processes.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if lists % processes:
        raise ConfigError(
            where="training.batch_size",
            found=f"{lists} lists for {processes} processes",
            expected=f"a multiple of {processes}",
            advice="Change batch_size, or torchrun's --nproc-per-node.",
        )
    return lists // processes


def _in_order(dataset: Dataset, batch_size: int, **_: Any) -> DefaultBatchSampler:  # noqa: ANN401
    """Take the lists as they come: their order is part of what was drawn."""
    order: Any = SequentialSampler(dataset)
    return DefaultBatchSampler(order, batch_size=batch_size, drop_last=False)


def dataset(rows: pl.DataFrame, lists: Lists, layout: Literal["columns", "lists"]) -> Dataset:
    """Make what a trainer reads, as far as ``rows`` has it: query, document_1 … or documents, and label.

    Texts are looked up when a batch is made, so that each is held once however many lists name it.
    """
    found = Dataset.from_polars(rows)
    queries, documents = Dataset.from_polars(lists.queries), Dataset.from_polars(lists.documents)
    lookups: dict[str, Any] = {"query_id": queries, "document_ids": documents}
    named = {name: texts for name, texts in lookups.items() if name in rows.columns}
    found.set_transform(resolve_ids(named, output_format=layout))
    return found


def set_dropout(model: nn.Module, share: float) -> None:
    """Zero this share of activations wherever the model has a dropout."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share


def parameters(model: nn.Module) -> float:
    """Count the weights."""
    return float(sum(weights.numel() for weights in model.parameters()))


def schedule(trainer: Trainer, steps: int) -> None:
    """Give a trainer an optimizer and the linear schedule of so many steps, unless it goes on with others."""
    if trainer.lr_scheduler is None:
        trainer.create_optimizer()
        warmup = trainer.args.get_warmup_steps(steps)
        trainer.lr_scheduler = get_linear_schedule_with_warmup(
            cast("Optimizer", trainer.optimizer), warmup, steps
        )


def fit(trainer: Trainer, loss: nn.Module, settings: TrainingConfig, lesson: Lesson) -> pa.Table:
    """Train to the end and give the curve (table ``curve``), with what a ``Watched`` loss measures.

    Where the lesson has a place for what is kept, a training that was cut off goes on from there.

    Raises:
        StageFailed: the loss is no longer a number.
    """
    schedule(trainer, trainer.args.max_steps)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch(loss if isinstance(loss, Watched) else None))
    if lesson.resumption is not None:
        keeper = Keeper(lesson.resumption, trainer, loss, settings.checkpoint_seconds)
        if keeper.step == trainer.args.max_steps:
            return curve(keeper.history)
        trainer.add_callback(keeper)
        trainer.train_dataset = _from(trainer.train_dataset, keeper.step * settings.batch_size)
    keep_freed_memory()
    with fast_attention(cast("nn.Module", trainer.model)), sums_in_one_order():
        trainer.train()
    return curve(trainer.state.log_history)


def _from(rows: Any, first: int) -> Any:  # noqa: ANN401  (torch's Dataset in and out, or the library's)
    """The rows that are left, which are taken in their order."""
    left = range(first, len(rows))
    return rows.select(left) if isinstance(rows, Dataset) else Subset(rows, left)
