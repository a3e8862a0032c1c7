"""Train a teacher on judgements and mined negatives. Generated queries are not asked.

Queries and judgements are those of the split ``train``; the teacher that comes out marks the answer key.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Protocol, runtime_checkable

import pyarrow as pa

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import ConfigError
from data.identity import Identity, unnamed
from data.manifests import ArtifactRef
from data.schemas import CANDIDATES, CURVE, PASSAGES, QRELS, QUERIES
from models.resumption import Resumption
from models.settings import Settings
from models.student import Lesson
from models.teachers import TeacherChoice
from tasks.stage import stage


class TrainTeacher(Settings):
    """What decides a trained teacher."""

    teacher: Annotated[TeacherChoice, Identity(unnamed)]


@runtime_checkable
class Trainable(Protocol):
    """Settings of a teacher that can be trained here; its lists are drawn with a seed of its own."""

    def train(self, lesson: Lesson, folder: Path) -> tuple[pa.Table, dict[str, float]]:
        """Write the weights to ``folder``; give the table ``curve`` and what is to be noted."""
        ...


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "candidates": ("candidates.parquet",),
    }
)
def train_teacher(
    draft: Draft,
    store: ArtifactStore,
    config: TrainTeacher,
    *,
    collection: ArtifactRef,
    candidates: ArtifactRef,
) -> None:
    """Write the folder ``model`` and ``curve``; note what it cost and learned from.

    A training that was cut off goes on from its last checkpoint; ``train_s`` is of this last part.

    Raises:
        ConfigError: the teacher is none that is trained here.
    """
    teacher = config.teacher
    if not teacher.is_trained or not isinstance(teacher, Trainable):
        raise ConfigError(
            where=f"teachers.{teacher.name}",
            found=f"kind {teacher.kind!r} without a section training",
            expected='a "cross_encoder" with one, or a "dual_pooling" model',
            advice="Add [teachers.training], or do not train this teacher.",
        )
    started = time.perf_counter()
    with TemporaryDirectory() as scratch:
        lesson = Lesson(
            passages=store.scan(PASSAGES, collection),
            queries=store.scan(QUERIES, collection),
            qrels=store.scan(QRELS, collection),
            candidates=store.scan(CANDIDATES, candidates),
            answers=None,
            embeddings=None,
            clusters=None,
            teacher_weights=None,
            seed=0,
            scratch=Path(scratch),
            resumption=Resumption(draft.kept),
        )
        curve, facts = teacher.train(lesson, draft.folder("model"))
    draft.write(curve, CURVE)
    draft.note(train_s=round(time.perf_counter() - started, 2), **facts)
