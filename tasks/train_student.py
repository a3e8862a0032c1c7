"""Train a student: it gets the tables that it asked for, learns, and is kept as a folder of weights.

The stage knows no student. What a student needs beyond passages, queries, judgements and candidates it
says in ``needs``; what it was not given is None.
"""

import time
from collections.abc import Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import polars as pl
import pyarrow as pa

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import ArtifactMissing
from data.identity import Identity, unnamed
from data.manifests import ArtifactRef
from data.schemas import (
    ANSWERS,
    CANDIDATES,
    CLUSTERS,
    CURVE,
    DECISIONS,
    PASSAGES,
    QRELS,
    QUERIES,
    embeddings_schema,
)
from models.named_pairs import NamedPairs
from models.opened_teachers import Texts, open_any
from models.parts import CENTROIDS, FITTED, IDENTIFIERS, MODEL
from models.resumption import Resumption
from models.settings import Settings
from models.student import Lesson, Need, Scorer, StudentConfig, Trained
from models.students import StudentChoice
from models.teacher import TeacherConfig
from models.teachers import TeacherChoice
from tasks.stage import stage


class TrainStudent(Settings):
    """What decides a trained student."""

    student: StudentChoice
    seed: int
    # Of a student that needs more of its teacher than its answers.
    teacher: Annotated[TeacherChoice, Identity(unnamed)] | None = None
    members: tuple[TeacherChoice, ...] = ()  # those that its teacher asks
    # The student that it builds on.
    base: Annotated[StudentChoice, Identity(unnamed)] | None = None


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "generated": ("queries.parquet",),
        "candidates": ("candidates.parquet",),
        "answers": ("answers.parquet",),
        "reference": ("answers.parquet",),
        "embeddings": ("embeddings.parquet",),
        "clusters": ("clusters.parquet", CENTROIDS),
        "identifiers": (IDENTIFIERS,),
        "base": (MODEL,),
        "decisions": ("decisions.parquet",),
        "teacher_weights": (MODEL,),
        "fitted": (FITTED,),
    }
)
def train_student(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: TrainStudent,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    answers: ArtifactRef | None,
    embeddings: ArtifactRef | None,
    clusters: ArtifactRef | None,
    identifiers: ArtifactRef | None = None,
    base: ArtifactRef | None = None,
    teacher_weights: tuple[ArtifactRef, ...] = (),
    fitted: tuple[ArtifactRef, ...] = (),
    reference: ArtifactRef | None = None,
    decisions: ArtifactRef | None = None,
) -> None:
    """Write the folder ``model`` and ``curve``; note what it cost and learned from.

    A training that was cut off goes on from its last checkpoint; ``train_s`` is of this last part.

    Raises:
        ArtifactMissing: the student needs something that was not passed.
    """
    given = {
        Need.ANSWERS: answers,
        Need.EMBEDDINGS: embeddings,
        Need.CLUSTERS: clusters,
        Need.IDENTIFIERS: identifiers,
    }
    check_needs(config.student, {need for need, ref in given.items() if ref})
    student = config.student.build(config.seed)
    started = time.perf_counter()
    with TemporaryDirectory() as scratch:
        lesson = Lesson(
            passages=store.scan(PASSAGES, collection),
            queries=learned_from(store.scan(QUERIES, *filter(None, (collection, generated)))),
            qrels=store.scan(QRELS, collection),
            candidates=store.scan(CANDIDATES, candidates),
            answers=store.scan(ANSWERS, answers) if answers else None,
            embeddings=store.scan(embeddings_schema(1), embeddings) if embeddings else None,
            clusters=store.scan(CLUSTERS, clusters) if clusters else None,
            teacher_weights=_model(store, config, teacher_weights),
            seed=config.seed,
            scratch=Path(scratch),
            reference=_reference(store, config.student, candidates, reference),
            decisions=store.scan(DECISIONS, decisions) if decisions else None,
            teacher=config.teacher,
            base=Trained(config.base, store.path(base, MODEL)) if config.base and base else None,
            centroids=store.path(clusters, CENTROIDS) if clusters else None,
            identifiers=store.path(identifiers, IDENTIFIERS) if identifiers else None,
            resumption=Resumption(draft.kept),
        )
        if config.teacher and Need.SCORER in config.student.needs:
            opened = (*config.members, config.teacher)
            lesson = replace(lesson, scorer=_scorer(store, opened, teacher_weights, fitted, lesson))
        curve = student.train(lesson)
    draft.note(train_s=round(time.perf_counter() - started, 2), final_loss=final_loss(curve), **student.facts)
    student.save(draft.folder("model"))
    draft.write(curve, CURVE)


def _model(store: ArtifactStore, config: TrainStudent, weights: tuple[ArtifactRef, ...]) -> Path | None:
    """Where the teacher's own weights lie, if it was trained here: it comes after those that it asks."""
    is_trained = config.teacher is not None and config.teacher.is_trained
    return store.path(weights[-1], MODEL) if weights and is_trained else None


def _scorer(
    store: ArtifactStore,
    teachers: Sequence[TeacherConfig],
    weights: Sequence[ArtifactRef],
    fitted: Sequence[ArtifactRef],
    lesson: Lesson,
) -> Scorer:
    """The teacher, asked by name about any pairs of the lesson; no model scores a pair twice."""
    queries, passages = (each.collect() for each in (lesson.queries, lesson.passages))
    qids, pids = queries["qid"].to_list(), passages["pid"].to_list()
    asked = Texts(qids, queries["text"].to_list(), passages.to_arrow(), lesson.identifiers)
    return partial(NamedPairs(qids, pids).scores, open_any(store, teachers, asked, weights, fitted))


def _reference(
    store: ArtifactStore, student: StudentConfig, candidates: ArtifactRef, answers: ArtifactRef | None
) -> pl.LazyFrame | None:
    """Scores of the system that targets are calibrated to: a teacher's answers, else a miner's."""
    if student.reference is None:
        return None
    if answers:
        return store.scan(ANSWERS, answers).select("qid", "pid", "score")
    mined = store.scan(CANDIDATES, candidates).filter(miner=student.reference)
    return mined.select("qid", "pid", "score")


def check_needs(student: StudentConfig, given: Set[Need]) -> None:
    """Fail before the work where a table is missing; a teacher that is given has no weights to pass.

    Raises:
        ArtifactMissing: the student needs something that was not passed.
    """
    missing = sorted(student.needs - given - {Need.TEACHER, Need.SCORER})
    if missing:
        msg = (
            f"train_student {student.name}: found no {', '.join(missing)}; expected what the student needs. "
            "Pass their artifacts."
        )
        raise ArtifactMissing(msg)


def learned_from(queries: pl.LazyFrame) -> pl.LazyFrame:
    """Keep the queries that a student may see: never those it is judged on."""
    return queries.filter(pl.col("split").is_in(["train", "dev"]))


def final_loss(curve: pa.Table) -> float:
    """Give the last loss of a curve.

    >>> final_loss(pa.table({"step": [1, 2], "measure": ["loss", "loss"], "value": [3.0, 0.5]}))
    0.5
    """
    return float(pl.DataFrame(curve).filter(measure="loss").sort("step")["value"][-1])
