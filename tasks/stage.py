"""Turn a function into a cached stage: the only cache of the pipeline.

A stage is a function ``(draft, store, config, *, …inputs) -> None`` that writes its tables into the
draft. The address of what it makes is the digest of its recipe: the stage's name, the code it runs,
its slice of the configuration, and the content digests of the tables it reads. If a whole
artifact lies at that address it is reused; else it is made, under a lock that dies with its holder.
"""

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from pydantic import BaseModel

from data.artifacts import ArtifactStore
from data.fingerprint import code_closure
from data.identity import canonical, modules_of
from data.manifests import ArtifactRef, Manifest, Recipe

Input = ArtifactRef | tuple[ArtifactRef, ...] | None
Body = Callable[..., None]
LIBRARIES = ("torch", "transformers", "sentence-transformers", "pyarrow", "faiss-cpu", "bm25s", "prefect")


@dataclass(frozen=True)
class Outlook:
    """What a stage has before it: work that is stored already, work to do, and how long that may take."""

    unit: str
    stored: int
    to_do: int
    seconds: float | None  # None where no rate was measured yet


@dataclass(frozen=True)
class Stage:
    """A stage as flows call it; it runs with or without Prefect."""

    name: str
    module: str
    body: Body = field(repr=False)
    # Which parts of an input the stage reads; an input not named here is read whole.
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    # Called as the body is, but without a draft: what a plan says of a stage that is to run.
    outlook: Callable[..., Outlook | None] | None = field(default=None, repr=False)

    def recipe(self, store: ArtifactStore, config: BaseModel, inputs: Mapping[str, Input]) -> Recipe:
        """Write down everything that decides what the stage would make."""
        return Recipe(
            stage=self.name,
            config=canonical(config, store.digests),
            inputs={name: self._identity(name, value) for name, value in sorted(inputs.items())},
            code=code_closure([self.module, *sorted(modules_of(config))]),
        )

    def _identity(self, name: str, value: Input) -> object:
        if value is None:
            return None
        if isinstance(value, tuple):
            return [self._identity(name, ref) for ref in value]
        wanted = self.reads.get(name, tuple(value.parts))
        return {part: value.parts[part] for part in sorted(wanted)}

    def run(
        self,
        store: ArtifactStore,
        config: BaseModel,
        inputs: Mapping[str, Input],
        *,
        of: str = "",
        force: bool = False,
    ) -> ArtifactRef:
        """Return the artifact, making it only if no whole one lies at its address (or ``force``)."""
        recipe = self.recipe(store, config, inputs)
        with store.lock(self.name, recipe.key):
            found = None if force else store.whole(self.name, recipe.key)
            if found is None:
                found = self._make(store, config, inputs, recipe, of)
        return found.ref.model_copy(update={"of": of})

    def _make(
        self,
        store: ArtifactStore,
        config: BaseModel,
        inputs: Mapping[str, Input],
        recipe: Recipe,
        of: str,
    ) -> Manifest:
        started = time.perf_counter()
        with store.drafting(self.name, recipe.key) as draft:
            self.body(draft, store, config, **inputs)
            manifest = Manifest(
                stage=self.name,
                of=of,
                key=recipe.key,
                recipe=recipe,
                parts=draft.parts(),
                facts=draft.facts,
                seconds=round(time.perf_counter() - started, 3),
                finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
                machine=_machine(),
            )
            store.publish(draft, manifest)
        return manifest


def stage(
    reads: Mapping[str, Iterable[str]] | None = None,
    outlook: Callable[..., Outlook | None] | None = None,
) -> Callable[[Body], Stage]:
    """Make a stage of a function; ``reads`` narrows inputs to the parts that are read.

    A narrower input reuses more: a stage that reads only ``passages`` is not run again when the
    judgements change. ``outlook`` tells a plan how much work there is.
    """
    narrowed = {name: tuple(parts) for name, parts in (reads or {}).items()}

    def wrap(body: Body) -> Stage:
        return Stage(name=body.__name__, module=body.__module__, body=body, reads=narrowed, outlook=outlook)

    return wrap


def _machine() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
