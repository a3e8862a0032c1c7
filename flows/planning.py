"""What a run would do, and why: a walk over manifests that imports neither Prefect nor torch."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from data.artifacts import ArtifactStore
from data.errors import ConfigError, ModelUnavailable
from data.manifests import ArtifactRef, Recipe
from flows.config import PipelineConfig
from flows.distill_pipeline import STAGES, distill_pipeline
from flows.records import RunRecord
from flows.score_scales import check_scales
from tasks.stage import Input, Outlook, Stage

SHOWN = 4


@dataclass(frozen=True)
class Choice:
    """Which stages a run makes anew, or leaves out, whatever the store holds."""

    refresh: tuple[str, ...] = ()
    start: str = ""  # this stage and all after it
    only: str = ""

    def forces(self, stage: Stage) -> bool:
        """Whether the stage is made even if its artifact is there."""
        return stage.name in self.refresh or (self.start != "" and _place(stage.name) >= _place(self.start))

    def leaves_out(self, stage: Stage, of: str) -> bool:
        """Whether a stage that is not there stays so, because only another one may be made.

        Raises:
            ConfigError: the stage comes before the one that may be made, which needs it.
        """
        if self.only in ("", stage.name):
            return False
        if _place(stage.name) > _place(self.only):
            return True
        raise ConfigError(
            where=f"--only {self.only}",
            found=f"no artifact of {f'{stage.name} {of}'.strip()}, which comes before it",
            expected="everything before it made",
            advice="Run without --only once, or name the earlier stage.",
        )


def _place(name: str) -> int:
    return [stage.name for stage in STAGES].index(name)


@dataclass(frozen=True)
class PlannedStage:
    """One line of a plan."""

    stage: str
    of: str
    status: Literal["reuse", "run"]
    key: str | None  # None while an input is not made yet
    reason: str
    outlook: Outlook | None = None  # of a stage that is to run and can tell how much work there is


@dataclass
class Planner:
    """Looks every stage up instead of running it."""

    store: ArtifactStore
    last: RunRecord
    choice: Choice = Choice()
    look_ahead: bool = False  # whether to count the work of stages that are to run
    rows: list[PlannedStage] = field(default_factory=list)

    def __call__(self, stage: Stage, config: BaseModel, of: str = "", **inputs: Input) -> ArtifactRef:
        """Note what would happen; a reference without key stands for what does not exist yet."""
        waits = sorted({_label(ref) for ref in refs_of(inputs.values()) if not ref.key})
        if waits:
            more = f" and {len(waits) - SHOWN} more" if len(waits) > SHOWN else ""
            return self._run(stage, of, None, f"{', '.join(waits[:SHOWN])}{more} will be made first")
        try:
            recipe = stage.recipe(self.store, config, inputs)
        except ModelUnavailable as missing:
            return self._run(stage, of, None, f"{missing}")
        manifest = self.store.whole(stage.name, recipe.key)
        if manifest is None:
            look = stage.outlook if self.look_ahead else None
            ahead = look(self.store, config, **inputs) if look else None
            return self._run(stage, of, recipe.key, self._why(stage, of, recipe), ahead)
        if self.choice.forces(stage):
            return self._run(stage, of, recipe.key, "asked for on the command line")
        last = self.last.key_of(stage.name, of)
        reason = "unchanged" if last in (recipe.key, None) else "made by an earlier run"
        self.rows.append(PlannedStage(stage.name, of, "reuse", recipe.key, reason))
        return manifest.ref.model_copy(update={"of": of})

    def _run(
        self, stage: Stage, of: str, key: str | None, reason: str, ahead: Outlook | None = None
    ) -> ArtifactRef:
        if not self.choice.leaves_out(stage, of):
            self.rows.append(PlannedStage(stage.name, of, "run", key, reason, ahead))
        return ArtifactRef(stage=stage.name, of=of, key="", parts={})

    def _why(self, stage: Stage, of: str, recipe: Recipe) -> str:
        last = self.last.key_of(stage.name, of) or self.last.any_key(stage.name)
        before = self.store.manifest(stage.name, last) if last else None
        if last == recipe.key:
            return "its artifact is missing, truncated or damaged"
        if before is None:
            return "not made yet"
        changes = differences(before.recipe, recipe)
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        return "; ".join(changes[:SHOWN]) + more


def plan(
    config: PipelineConfig,
    store: ArtifactStore,
    last: RunRecord,
    choice: Choice = Choice(),
    *,
    look_ahead: bool = False,
) -> list[PlannedStage]:
    """Say for every stage whether it would be reused or run, and why; with ``look_ahead`` also how much.

    Raises:
        ConfigError: a loss does not take its teacher's scores, as far as that is known without the models.
    """
    check_scales(config)
    planner = Planner(store, last, choice, look_ahead)
    distill_pipeline(config, planner)
    store.digests.save()
    return planner.rows


def differences(before: Recipe, now: Recipe) -> list[str]:
    """Name what changed between two recipes: configuration, inputs, code.

    >>> old = Recipe(stage="mine", config={"depth": 10}, inputs={}, code={})
    >>> differences(old, old.model_copy(update={"config": {"depth": 20}}))
    ['depth: 10 → 20']
    """
    changes = _changes(before.config, now.config, "")
    names = sorted({*before.inputs, *now.inputs})
    changes += [f"input {name} changed" for name in names if before.inputs.get(name) != now.inputs.get(name)]
    modules = sorted({*before.code, *now.code})
    changes += [f"code of {name} changed" for name in modules if before.code.get(name) != now.code.get(name)]
    if before.schema_version != now.schema_version:
        changes.append("the format of artifacts changed")
    return changes


def _changes(before: Any, now: Any, path: str) -> list[str]:  # noqa: ANN401  (JSON)
    if before == now:
        return []
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        return [
            change
            for key in keys
            for change in _changes(before.get(key), now.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [change for n, (old, new) in pairs for change in _changes(old, new, f"{path}.{n}")]
    return [f"{path}: {_short(before)} → {_short(now)}"]


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"


def _label(ref: ArtifactRef) -> str:
    return f"{ref.stage} {ref.of}".strip()


def refs_of(inputs: Iterable[Input]) -> list[ArtifactRef]:
    """All references among a stage's inputs."""
    refs: list[ArtifactRef] = []
    for value in inputs:
        refs += list(value) if isinstance(value, tuple) else [value] if value else []
    return refs
