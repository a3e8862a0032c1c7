"""Go on with a training that was cut off, from where it was last kept, to the same weights and curve.

Everything that decides the next step is kept: weights, optimizer, schedule, the state of the random
generator, and what losses and callbacks remember. A training that was cut off therefore ends as one that was
not, bit for bit, where the machine computes alike.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback

from models.checkpoints import (
    Checkpoint,
    generators,
    moments,
    newest,
    set_generators,
    set_moments,
    under,
    write,
)
from models.resumption import Resumption

log = logging.getLogger("distill")
# Of the time, at most, that writing checkpoints may take.
LARGEST_SHARE = 0.01


@runtime_checkable
class Remembers(Protocol):
    """A loss, or a callback of a trainer, with a state of its own beside the weights that are trained."""

    def memory(self) -> dict[str, Tensor]:
        """What decides its next step; not what it tells, which starts anew with each report."""
        ...

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Go on from what ``memory`` gave."""
        ...


class Keeper(TrainerCallback):
    """Keeps one training as it goes. It starts where the training was kept last: at step ``step``.

    Args:
        resumption: where the training has its place.
        trainer: with its optimizer and schedule.
        loss: what it minimises.
        every_s: seconds between two checkpoints; more where writing one takes long.
    """

    def __init__(self, resumption: Resumption, trainer: Trainer, loss: nn.Module, every_s: float) -> None:
        self._folder = resumption.begin()
        resumption.at_end(self.keep)
        # Loosely typed: the trainer's optimizer and schedule are those that were just made for it.
        self._trainer: Any = trainer
        self._loss = loss
        self._every_s = every_s
        self._took_s = 0.0
        self._at = time.monotonic()
        found = newest(self._folder)
        self._kept_step = self.step = found.step if found else 0
        # The trainer's log up to there.
        self.history: list[dict[str, Any]] = found.state["history"] if found else []
        self._draws: dict[str, Tensor] = {}
        if found is not None:
            self._resume(found)

    def _resume(self, found: Checkpoint) -> None:
        log.info("training: goes on from step %d of %d", found.step, self._trainer.args.max_steps)
        self._draws = found.tensors
        with torch.no_grad():
            for name, weights in self._weights():
                weights.copy_(found.tensors[f"weights.{name}"])
        for name, each in self._remembering():
            each.recall(under(found.tensors, f"memory.{name}."))
        set_moments(self._trainer.optimizer, under(found.tensors, "optimizer."), found.state["groups"])
        schedule = self._trainer.lr_scheduler
        # Its functions are those that it was just made with.
        functions = {"lr_lambdas": schedule.state_dict()["lr_lambdas"]}
        schedule.load_state_dict({**found.state["schedule"], **functions})

    def keep(self) -> None:
        """Write what the training is now, unless that is written; of several processes one does."""
        if self.step == self._kept_step or int(os.environ.get("RANK", "0")):
            return
        started = time.monotonic()
        schedule = self._trainer.lr_scheduler.state_dict()
        state = {
            "schedule": {name: value for name, value in schedule.items() if name != "lr_lambdas"},
            "groups": self._trainer.optimizer.state_dict()["param_groups"],
            "history": self.history,
        }
        tensors = {f"weights.{name}": weights for name, weights in self._weights()}
        tensors |= {f"optimizer.{name}": value for name, value in moments(self._trainer.optimizer).items()}
        for name, each in self._remembering():
            tensors |= {f"memory.{name}.{key}": value for key, value in each.memory().items()}
        write(self._folder, Checkpoint(self.step, state, tensors | generators()))
        self._kept_step = self.step
        self._at = time.monotonic()
        self._took_s = self._at - started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Count from the step that was resumed."""
        state.global_step, state.log_history = self.step, list(self.history)
        # The mean loss of the next report is over the steps since this one.
        self._trainer._globalstep_last_logged = self.step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Between two steps: draw on as before, or keep what is there, if it is time.

        Only after a step that was reported: the trainer and the losses then hold no half of a mean.
        """
        if self._draws:
            set_generators(self._draws)
            self._draws = {}
        self.step, self.history = state.global_step, state.log_history
        wait = max(self._every_s, self._took_s / LARGEST_SHARE)
        if self.step % state.logging_steps == 0 and time.monotonic() - self._at >= wait:
            self.keep()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Note where it ended, for the training that may follow."""
        self.step, self.history = state.global_step, state.log_history

    def _weights(self) -> Iterator[tuple[str, Tensor]]:
        """What is trained, each once: a loss holds the model, under a name of its own."""
        seen: set[int] = set()
        for part, module in (("model", self._trainer.model), ("loss", self._loss)):
            for name, weights in module.named_parameters():
                if weights.requires_grad and id(weights) not in seen:
                    seen.add(id(weights))
                    yield f"{part}.{name}", weights

    def _remembering(self) -> Iterator[tuple[str, Remembers]]:
        for name, module in self._loss.named_modules():
            if isinstance(module, Remembers):
                yield f"loss.{name}", module
        for callback in self._trainer.callback_handler.callbacks:
            if isinstance(callback, Remembers):
                yield type(callback).__name__, callback
