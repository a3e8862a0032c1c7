"""Stages as Prefect tasks. The manifest is the truth; Prefect's cache is an index over it.

The cache key is the artifact's address, and a record only counts while the artifact it names is
whole: the serializer raises when it is not, which Prefect takes for a record that does not exist. So a
deleted or damaged artifact is rebuilt, changed helper code re-runs the stages that use it, and
losing Prefect's records costs nothing.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.serializers import Serializer
from prefect.tasks import Task
from pydantic import BaseModel

from data.artifacts import ArtifactStore
from data.digests import digest_of
from data.manifests import ArtifactRef, Closed
from data.progress import listening
from flows.execution import Make
from flows.prefect_artifacts import ProgressArtifacts
from tasks.stage import Input, Stage


class StoredRef(Closed):
    """What Prefect keeps of a task run: where the store is, and the reference. Plain JSON."""

    root: str
    ref: ArtifactRef


class ArtifactSerializer(Serializer):  # Prefect registers subclasses of the bare class only
    """Writes references as JSON; reads only those whose artifact is whole."""

    type: str = "distill-artifact"

    def dumps(self, obj: StoredRef) -> bytes:
        """Write the reference."""
        return obj.model_dump_json().encode()

    def loads(self, blob: bytes) -> StoredRef:
        """Read the reference.

        Raises:
            FileNotFoundError: the artifact is gone, damaged, or another one lies there.
        """
        stored = StoredRef.model_validate_json(blob)
        manifest = ArtifactStore(Path(stored.root)).whole(stored.ref.stage, stored.ref.key)
        if manifest is None or manifest.ref.parts != stored.ref.parts:
            msg = f"{stored.ref} is missing or damaged"
            raise FileNotFoundError(msg)
        return stored


@dataclass
class StageKey(CachePolicy):
    """The artifact's address in its store: another store's record says nothing about this one."""

    stage: Stage | None = None

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,  # noqa: ANN401  (Prefect's signature)
    ) -> str | None:
        """Name the artifact that these inputs make."""
        del task_ctx, flow_parameters, kwargs
        if self.stage is None:
            return None
        store = ArtifactStore(Path(inputs["root"]))
        key = self.stage.recipe(store, inputs["config"], inputs["inputs"]).key
        return f"{self.stage.name}-{key}-{digest_of([inputs['root'], inputs['of']], 12)}"


@lru_cache
def task_of(stage: Stage) -> Task[..., StoredRef]:
    """Make the Prefect task of a stage."""

    def body(root: str, config: BaseModel, inputs: dict[str, Input], of: str, force: bool) -> StoredRef:
        store = ArtifactStore(Path(root))
        with listening(ProgressArtifacts(f"{stage.name} {of}".strip())):
            ref = stage.run(store, config, inputs, of=of, force=force)
        return StoredRef(root=root, ref=ref)

    return task(
        name=stage.name,
        cache_policy=StageKey(stage=stage),
        persist_result=True,
        result_serializer=ArtifactSerializer(),
        cache_result_in_memory=False,
    )(body)


def make_by_prefect(store: ArtifactStore) -> Make:
    """Make stages as tasks of the flow run that calls this."""

    def make(
        stage: Stage,
        config: BaseModel,
        inputs: dict[str, Input],
        of: str,
        force: bool,
    ) -> ArtifactRef:
        label = f"{stage.name} {of}".strip()
        prepared = task_of(stage).with_options(task_run_name=label, refresh_cache=force)
        return prepared(str(store.root.resolve()), config, inputs, of, force).ref.model_copy(
            update={"of": of}
        )

    return make
