"""Train a student: it gets the tables that it asked for, learns, and is kept as a folder of weights.

The stage knows no student. What a student needs beyond passages, queries, judgements and candidates it
says in ``needs``; what it was not given is None.
"""

import time
from collections.abc import Set
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
from models.settings import Settings
from models.stored_teacher import open_teacher
from models.student import Lesson, Need, Scorer, StudentConfig
from models.students import StudentChoice
from models.teacher import TeacherConfig
from models.teachers import TeacherChoice
from models.texts import passage_texts
from tasks.stage import stage


class TrainStudent(Settings):
    """What decides a trained student."""

    student: StudentChoice
    seed: int
    # Of a student that needs more of its teacher than its answers.
    teacher: Annotated[TeacherChoice, Identity(unnamed)] | None = None


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "generated": ("queries.parquet",),
        "candidates": ("candidates.parquet",),
        "answers": ("answers.parquet",),
        "reference": ("answers.parquet",),
        "embeddings": ("embeddings.parquet",),
        "clusters": ("clusters.parquet",),
        "decisions": ("decisions.parquet",),
        "teacher": ("model",),
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
    teacher: ArtifactRef | None,
    reference: ArtifactRef | None = None,
    decisions: ArtifactRef | None = None,
) -> None:
    """Write the folder ``model`` and ``curve``; note what it cost and learned from.

    Raises:
        ArtifactMissing: the student needs something that was not passed.
    """
    given = {Need.ANSWERS: answers, Need.EMBEDDINGS: embeddings, Need.CLUSTERS: clusters}
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
            teacher_weights=store.path(teacher, "model") if teacher else None,
            seed=config.seed,
            scratch=Path(scratch),
            reference=_reference(store, config.student, candidates, reference),
            decisions=store.scan(DECISIONS, decisions) if decisions else None,
            teacher=config.teacher,
        )
        if config.teacher and Need.SCORER in config.student.needs:
            lesson = replace(lesson, scorer=_scorer(store, config.teacher, teacher, lesson))
        curve = student.train(lesson)
    draft.note(train_s=round(time.perf_counter() - started, 2), final_loss=final_loss(curve), **student.facts)
    student.save(draft.folder("model"))
    draft.write(curve, CURVE)


def _scorer(
    store: ArtifactStore, config: TeacherConfig, weights: ArtifactRef | None, lesson: Lesson
) -> Scorer:
    """The teacher, asked by name about any pair of the lesson; it scores no pair twice."""
    queries, passages = (each.collect() for each in (lesson.queries, lesson.passages))
    made = (store.path(weights, "model"), weights.parts["model"]) if weights else None
    texts = passage_texts(passages.to_arrow(), config.template)
    teacher = config.by_name(queries["qid"].to_list(), passages["pid"].to_list()) or open_teacher(
        store.root, store.digests, config, made, queries["text"].to_list(), texts
    )
    return partial(NamedPairs(queries["qid"], passages["pid"].to_list()).scores, teacher)


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
