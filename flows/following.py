"""A run under torchrun: one process makes the artifacts, the others help it where a model is trained.

    torchrun --standalone --nproc-per-node 2 -m flows.cli run nq

Every process walks the same pipeline. The first (rank 0) runs as ever and is the only one that publishes or
keeps a record. The others wait for each artifact; where a stage trains they go through its body too, because
the trainers' processes must meet at every step, and throw away what they wrote.
"""

import os
import time

from pydantic import BaseModel

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.manifests import ArtifactRef, Manifest
from flows.execution import Make
from tasks.stage import Input, Stage
from tasks.train_student import train_student
from tasks.train_teacher import train_teacher

TRAINED_TOGETHER = frozenset({train_student.name, train_teacher.name})
POLL_S = 0.2


def rank() -> int:
    """Which of torchrun's processes this is; 0 where there is no torchrun."""
    return int(os.environ.get("RANK", "0"))


def make_following(store: ArtifactStore) -> Make:
    """Help the first process to make stages, and wait for what it makes.

    If the first process fails, torchrun ends the others.
    """

    def make(stage: Stage, config: BaseModel, inputs: dict[str, Input], of: str, force: bool) -> ArtifactRef:
        if force:
            raise ConfigError(
                where="--refresh",
                found=f"{stage.name} to be made again, in process {rank()} of several",
                expected="nothing to refresh: nobody can tell old from new while it is replaced",
                advice="Remove the artifact first, or run without torchrun.",
            )
        key = stage.recipe(store, config, inputs).key
        if stage.name in TRAINED_TOGETHER and store.whole(stage.name, key) is None:
            with store.drafting(stage.name, key) as draft:
                stage.body(draft, store, config, **inputs)
        return _published(store, stage, key).ref.model_copy(update={"of": of})

    return make


def _published(store: ArtifactStore, stage: Stage, key: str) -> Manifest:
    while (found := store.whole(stage.name, key)) is None:
        time.sleep(POLL_S)
    return found
