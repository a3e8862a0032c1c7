"""Judge one system on the judged queries of a split: a student, a baseline, a teacher, a run from elsewhere.

A student or baseline searches all passages; a teacher re-ranks the mined candidates, as it does in
the answer key. How much of its teacher a student retains is asked on the same passages: the nDCG@10 of
the student over that of the teacher re-ranking the student's own best.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt

from data.artifacts import ArtifactStore
from data.digests import FileDigests
from data.drafts import Draft
from data.errors import ArtifactMissing, ConfigError
from data.identity import Identity
from data.manifests import ArtifactRef
from data.schemas import CANDIDATES, COSTS, METRICS, PASSAGES, QRELS, QUERIES, RUN
from data.tables import from_rows
from data.trec import read_run, write_run
from models.exam import Exam, Paper, known, mark, mined, reorder, retained, set_exam, sit
from models.metrics import USUAL, MeasureName
from models.retriever import Retriever
from models.retrievers import RetrieverChoice
from models.runs import best
from models.settings import Name, Settings, runtime
from models.stored_teacher import open_teacher
from models.students import StudentChoice
from models.teacher import Teacher
from models.teachers import AnyTeacherConfig, TeacherChoice
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


class BaselineSubject(Settings):
    """A retriever as it comes: BM25, the untrained backbone."""

    kind: Literal["baseline"] = "baseline"
    retriever: RetrieverChoice

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``."""
        return self.retriever.name

    @property
    def name(self) -> str:
        """Its name on the leaderboard."""
        return self.system


class StudentSubject(Settings):
    """A trained student, and the teacher that it is held against."""

    kind: Literal["student"] = "student"
    student: StudentChoice
    seed: int
    teacher: TeacherChoice | None = None

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``: one for each seed."""
        return f"{self.student.name}/{self.seed}"

    @property
    def name(self) -> str:
        """What its seeds share: its name on the leaderboard."""
        return self.student.name


class TeacherSubject(Settings):
    """A teacher that re-ranks the mined candidates."""

    kind: Literal["teacher"] = "teacher"
    teacher: TeacherChoice

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``."""
        return f"teacher:{self.teacher.name}"

    @property
    def name(self) -> str:
        """Its name on the leaderboard."""
        return self.system


def _digest(path: Path, digests: FileDigests) -> str:
    if not path.is_file():
        raise ConfigError(
            where=f"runs.path = {str(path)!r}",
            found="no such file",
            expected="a TREC run file",
            advice="Give the path from where distill is started.",
        )
    return digests.sha256(path)


class RunSubject(Settings):
    """A run that some other system made: a TREC file."""

    kind: Literal["run"] = "run"
    name: Name
    path: Annotated[Path, Identity(_digest)]

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``."""
        return self.name


AnySubject = BaselineSubject | StudentSubject | TeacherSubject | RunSubject
Subject = Annotated[AnySubject, Field(discriminator="kind")]


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
        teacher_weights: of the teacher that a student is held against, if it was trained here.
    """
    options, subject = config.options, config.subject
    passages, queries, qrels = (store.read(each, collection) for each in (PASSAGES, QUERIES, QRELS))
    exam = set_exam(passages, queries, qrels, options.split)
    found = store.scan(CANDIDATES, candidates) if candidates else None
    paper = _answer(exam, config, store, weights, found)
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


def _answer(
    exam: Exam,
    config: Evaluation,
    store: ArtifactStore,
    weights: ArtifactRef | None,
    candidates: pl.LazyFrame | None,
) -> Paper:
    subject = config.subject
    match subject:
        case BaselineSubject(retriever=retriever):
            return _sit(exam, retriever.build(passage_texts(exam.passages, retriever.template)), config)
        case StudentSubject(student=student):
            texts = passage_texts(exam.passages, student.template)
            folder = store.path(_given(weights, "weights"), "model")
            return _sit(exam, student.load(folder).retriever(texts), config)
        case TeacherSubject(teacher=teacher):
            pairs = mined(_given(candidates, "candidates"), exam)
            return reorder(exam, pairs, _teacher(exam, teacher, store, weights))
        case RunSubject(path=path):
            return Paper(known(read_run(path), exam, path))


def _sit(exam: Exam, retriever: Retriever, config: Evaluation) -> Paper:
    options = config.options
    return sit(exam, retriever, options.depth + options.drop_self, options.batch_queries)


def _given(value: GivenT | None, name: str) -> GivenT:
    if value is None:
        msg = f"evaluate_student: found no {name}; expected them for this kind of subject. Pass them."
        raise ArtifactMissing(msg)
    return value
