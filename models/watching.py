"""Watch a training: a bar on a terminal, a curve for the report, and a stop where the loss is no number."""

import math
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
from transformers import TrainerCallback

from data.errors import StageFailed
from data.progress import meter
from data.schemas import CURVE
from data.tables import from_rows

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
