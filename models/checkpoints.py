"""Checkpoints of a training, without pickle: tensors and plain numbers, written whole or not at all.

    <folder>/step-<s>/tensors.safetensors   weights, the optimizer's moments, what losses remember
    <folder>/step-<s>/state.json            schedule, the optimizer's groups, the log so far

A library's own checkpoints hold pickles, which no stage opens. One is written beside the last, renamed, and
only then is the last removed; one that cannot be read is as good as none.
"""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

log = logging.getLogger("distill")
TENSORS, STATE = "tensors.safetensors", "state.json"
GENERATOR = "generator"


@dataclass(frozen=True)
class Checkpoint:
    """A training after so many steps: what can be written as JSON, and tensors."""

    step: int
    state: dict[str, Any]
    tensors: dict[str, Tensor]


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into the folder of its training, in place of those that are there."""
    fresh = folder / f".step-{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file(
        {name: each.detach().cpu().clone().contiguous() for name, each in checkpoint.tensors.items()},
        fresh / TENSORS,
    )
    (fresh / STATE).write_text(json.dumps(checkpoint.state))
    for name in (TENSORS, STATE):
        with (fresh / name).open("rb") as file:
            os.fsync(file.fileno())
    place = folder / f"step-{checkpoint.step}"
    shutil.rmtree(place, ignore_errors=True)  # one that could not be read
    fresh.rename(place)
    for path in _steps(folder):
        if path != place:
            shutil.rmtree(path)


def newest(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that can be read, if there is one."""
    for path in _steps(folder):
        with suppress(OSError, ValueError, SafetensorError):
            state = json.loads((path / STATE).read_text())
            return Checkpoint(_step(path), state, load_file(path / TENSORS))
        log.warning("%s cannot be read; expected a checkpoint. The training goes on without it.", path)
    return None


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin so, without the prefix.

    >>> under({"a.x": torch.ones(1), "b": torch.zeros(1)}, "a.")
    {'x': tensor([1.])}
    """
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def moments(optimizer: Any) -> dict[str, Tensor]:  # noqa: ANN401  (torch's, or accelerate's around it)
    """What an optimizer knows of each of its weights, by the weight's place and the name."""
    found = optimizer.state_dict()["state"]
    return {f"{place}.{name}": value for place, known in found.items() for name, value in known.items()}


def set_moments(
    optimizer: Any,  # noqa: ANN401
    tensors: Mapping[str, Tensor],
    groups: list[dict[str, Any]] | None = None,
) -> None:
    """Give an optimizer what another one knew of the same weights, and its groups' settings."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        place, _, key = name.partition(".")
        state.setdefault(int(place), {})[key] = value
    groups = groups or optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def generators() -> dict[str, Tensor]:
    """States of torch's generators; nothing else draws while a model is trained."""
    found = {GENERATOR: torch.get_rng_state()}
    if torch.cuda.is_available():
        found[f"{GENERATOR}.cuda"] = torch.cuda.get_rng_state()
    return found


def set_generators(tensors: Mapping[str, Tensor]) -> None:
    """Let torch's generators draw on from there."""
    torch.set_rng_state(tensors[GENERATOR])
    if torch.cuda.is_available() and f"{GENERATOR}.cuda" in tensors:
        torch.cuda.set_rng_state(tensors[f"{GENERATOR}.cuda"])


def _step(path: Path) -> int:
    return int(path.name.partition("-")[2])


def _steps(folder: Path) -> list[Path]:
    """Checkpoints of a training, the newest first."""
    return sorted(folder.glob("step-*"), key=_step, reverse=True)
