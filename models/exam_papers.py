"""What each kind of subject hands in at an exam, and how much of its teacher a student retains."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from data.artifacts import ArtifactStore
from data.errors import ArtifactMissing
from data.manifests import ArtifactRef
from data.schemas import CANDIDATES, METRICS, embeddings_schema
from data.trec import read_run
from models.exam import Exam, Paper, known, mined, reorder, retained, sit
from models.known_pairs import Knowledge, known_pairs
from models.opened_teachers import Texts, open_any
from models.parts import IDENTIFIERS, MODEL
from models.retriever import Retriever
from models.runs import best
from models.student import Need, Shelf
from models.subjects import AnySubject, BaselineSubject, RunSubject, StudentSubject, TeacherSubject
from models.teacher import Teacher
from models.texts import passage_texts

GivenT = TypeVar("GivenT")


@dataclass(frozen=True)
class Given:
    """What a subject has besides the exam; None or empty where its kind needs none."""

    store: ArtifactStore
    depth: int  # passages that a retriever is to find for each query
    batch: int  # queries encoded and searched at a time
    weights: ArtifactRef | None = None  # of a student
    candidates: ArtifactRef | None = None  # what a teacher re-ranks
    embeddings: ArtifactRef | None = None
    identifiers: ArtifactRef | None = None
    teacher_weights: tuple[ArtifactRef, ...] = ()  # of the teachers that are opened and were trained here
    fitted: tuple[ArtifactRef, ...] = ()  # answers of the ensembles among them whose weights were fitted

    def teacher(self, exam: Exam, subject: AnySubject) -> Teacher:
        """Open the subject's teacher for the queries and passages of the exam."""
        asked = Texts(exam.qids, exam.texts, exam.passages, self.index)
        return open_any(self.store, subject.opened, asked, self.teacher_weights, self.fitted)

    @property
    def index(self) -> Path | None:
        """Folder of the index of identifiers."""
        return self.store.path(self.identifiers, IDENTIFIERS) if self.identifiers else None

    def shelf(self, exam: Exam) -> Shelf:
        """All passages, with what was made of them; vectors row by row, for both tables are sorted by pid."""
        vectors = None
        if self.embeddings:
            table = self.store.scan(embeddings_schema(1), self.embeddings).sort("pid").collect()
            vectors = table["vector"].to_numpy()
        return Shelf(exam.passages, vectors, self.index)


def paper_of(exam: Exam, subject: AnySubject, given: Given) -> Paper:
    """Let the subject answer.

    Raises:
        ArtifactMissing: its kind needs what was not given.
    """
    match subject:
        case BaselineSubject(retriever=retriever):
            return _sit(exam, retriever.build(passage_texts(exam.passages, retriever.template)), given)
        case StudentSubject(student=student):
            for need, found in {
                Need.EMBEDDINGS: given.embeddings,
                Need.IDENTIFIERS: given.identifiers,
            }.items():
                if need in student.finds_with:
                    _there(found, need)
            folder = given.store.path(_there(given.weights, "weights"), MODEL)
            return _sit(exam, student.load(folder).retriever(given.shelf(exam)), given)
        case TeacherSubject():
            candidates = given.store.scan(CANDIDATES, _there(given.candidates, "candidates"))
            pairs = mined(candidates, exam, subject.asked_depth)
            teacher = given.teacher(exam, subject)
            knowledge = known_pairs(teacher, pairs, exam.qids, exam.pids)
            return replace(reorder(exam, knowledge.known, teacher), knowledge=knowledge)
        case RunSubject(path=path):
            return Paper(known(read_run(path), exam, path))


def _sit(exam: Exam, retriever: Retriever, given: Given) -> Paper:
    return sit(exam, retriever, given.depth, given.batch)


def retention(
    exam: Exam, run: pa.Table, subject: StudentSubject, given: Given, depth: int
) -> tuple[pa.Table, Knowledge]:
    """How much of its teacher a student retains (rows of ``metrics``), and what the teacher knows.

    Both order the student's own best. Where its teacher knows not all of these, as a file of scores may, the
    two would order different passages, so there is no row.

    Args:
        exam: the questions.
        run: of the student.
        subject: the student, with its teacher.
        given: what its teacher is opened with.
        depth: how many of the student's best of each query.
    """
    pairs, teacher = best(run, depth), given.teacher(exam, subject)
    knowledge = known_pairs(teacher, pairs, exam.qids, exam.pids)
    if knowledge.missing:
        return METRICS.columns.empty_table(), knowledge
    return retained(exam, pairs, reorder(exam, pairs, teacher).run, subject.system), knowledge


def _there(value: GivenT | None, name: str) -> GivenT:
    if value is None:
        msg = f"evaluate_student: found no {name}; expected them for this kind of subject. Pass them."
        raise ArtifactMissing(msg)
    return value
