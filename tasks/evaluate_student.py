"""Judge one system on the judged queries of a split: a student, a baseline, a teacher, a run from elsewhere.

A student or baseline searches all passages; a teacher re-ranks the mined candidates, as it does in
the answer key. How much of its teacher a student retains is asked on the same passages: the nDCG@10 of
the student over that of the teacher re-ranking the student's own best.
"""

from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import ArtifactMissing
from data.manifests import ArtifactRef
from data.schemas import CANDIDATES, COSTS, METRICS, PASSAGES, QRELS, QUERIES, RUN, embeddings_schema
from data.tables import from_rows
from data.trec import read_run, write_run
from models.exam import Exam, Paper, known, mark, mined, reorder, retained, set_exam, sit
from models.metrics import USUAL, MeasureName
from models.retriever import Retriever
from models.runs import best
from models.settings import Settings, runtime
from models.stored_teacher import open_teacher
from models.student import Need, Shelf
from models.subjects import BaselineSubject, RunSubject, StudentSubject, Subject, TeacherSubject
from models.teacher import Teacher
from models.teachers import AnyTeacherConfig
from models.texts import passage_texts
from tasks.stage import stage

GivenT = TypeVar("GivenT")


class EvaluateConfig(Settings):
    """How systems are judged."""

    split: Literal["train", "dev", "test"] = Field(default="test", description="whose judged queries are run")
    measures: tuple[MeasureName, ...] = Field(default=USUAL, min_length=1, description="names of ir_measures")
    depth: PositiveInt = Field(default=1000, description="passages kept for each query, 1000 as in TREC")
    retention_depth: NonNegativeInt = Field(
        default=50,
        description="best passages of a student that its teacher re-ranks for the retention; 0: none",
    )
    drop_self: bool = Field(
        default=False, description="leave out the passage whose pid is the qid (ArguAna, Quora)"
    )
    batch_queries: PositiveInt = runtime(256, "queries encoded and searched at a time")


def _system(fields: dict[str, Any]) -> str:
    return fields["subject"].system if "subject" in fields else ""


class Evaluation(Settings):
    """What decides an evaluation; the system's name is part of it because the tables spell it."""

    options: EvaluateConfig
    subject: Subject
    system: str = Field(default_factory=_system)


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "candidates": ("candidates.parquet",),
        "embeddings": ("embeddings.parquet",),
        "weights": ("model",),
        "teacher_weights": ("model",),
    }
)
def evaluate_student(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: Evaluation,
    *,
    collection: ArtifactRef,
    weights: ArtifactRef | None = None,
    candidates: ArtifactRef | None = None,
    embeddings: ArtifactRef | None = None,
    teacher_weights: ArtifactRef | None = None,
) -> None:
    """Set the exam, let the subject answer, mark its paper.

    Args:
        draft: gets ``run``, ``metrics``, ``costs`` and the run as a TREC file.
        store: holds the inputs.
        config: options and subject.
        collection: passages, queries and judgements.
        weights: of a student, or of a teacher that was trained here.
        candidates: what a teacher re-ranks.
        embeddings: vectors of the passages, for a student that retrieves with them.
        teacher_weights: of the teacher that a student is held against, if it was trained here.
    """
    options, subject = config.options, config.subject
    passages, queries, qrels = (store.read(each, collection) for each in (PASSAGES, QUERIES, QRELS))
    exam = set_exam(passages, queries, qrels, options.split)
    found = store.scan(CANDIDATES, candidates) if candidates else None
    shelf = Shelf(exam.passages, _vectors(store, embeddings))
    paper = _answer(exam, config, store, weights, found, shelf)
    run = best(paper.run, options.depth, options.drop_self)
    marks = [mark(exam, run, config.system, options.measures)]
    teacher = subject.teacher if isinstance(subject, StudentSubject) else None
    if teacher and teacher.can_be_asked and options.retention_depth:
        pairs = best(run, options.retention_depth)
        again = reorder(exam, pairs, _teacher(exam, teacher, store, teacher_weights))
        marks.append(retained(exam, run, again.run, config.system))
        draft.note(retention_teacher=teacher.name, retention_depth=options.retention_depth)
    draft.write(run, RUN)
    draft.write(pa.concat_tables(marks), METRICS)
    draft.write(from_rows([(config.system, *cost) for cost in paper.costs.items()], COSTS), COSTS)
    write_run(run, config.system, draft.file("run.trec"))
    draft.note(system=config.system, name=subject.name, role=subject.kind, split=options.split)
    draft.note(queries=len(exam.qids), passages=len(exam.pids))


def _teacher(
    exam: Exam, config: AnyTeacherConfig, store: ArtifactStore, weights: ArtifactRef | None
) -> Teacher:
    made = (store.path(weights, "model"), weights.parts["model"]) if weights else None
    texts = passage_texts(exam.passages, config.template)
    return config.by_name(exam.qids, exam.pids) or open_teacher(
        store.root, store.digests, config, made, exam.texts, texts
    )


def _answer(  # noqa: PLR0913, PLR0917
    exam: Exam,
    config: Evaluation,
    store: ArtifactStore,
    weights: ArtifactRef | None,
    candidates: pl.LazyFrame | None,
    shelf: Shelf,
) -> Paper:
    subject = config.subject
    match subject:
        case BaselineSubject(retriever=retriever):
            return _sit(exam, retriever.build(passage_texts(exam.passages, retriever.template)), config)
        case StudentSubject(student=student):
            if Need.EMBEDDINGS in student.finds_with:
                _given(shelf.vectors, "embeddings")
            folder = store.path(_given(weights, "weights"), "model")
            return _sit(exam, student.load(folder).retriever(shelf), config)
        case TeacherSubject(teacher=teacher):
            pairs = mined(_given(candidates, "candidates"), exam)
            return reorder(exam, pairs, _teacher(exam, teacher, store, weights))
        case RunSubject(path=path):
            return Paper(known(read_run(path), exam, path))


def _sit(exam: Exam, retriever: Retriever, config: Evaluation) -> Paper:
    options = config.options
    return sit(exam, retriever, options.depth + options.drop_self, options.batch_queries)


def _vectors(store: ArtifactStore, embeddings: ArtifactRef | None) -> npt.NDArray[np.float32] | None:
    """Vectors of all passages, row by row: both tables are sorted by pid."""
    if embeddings is None:
        return None
    vectors = store.scan(embeddings_schema(1), embeddings).sort("pid").collect()["vector"]
    return vectors.to_numpy()


def _given(value: GivenT | None, name: str) -> GivenT:
    if value is None:
        msg = f"evaluate_student: found no {name}; expected them for this kind of subject. Pass them."
        raise ArtifactMissing(msg)
    return value
