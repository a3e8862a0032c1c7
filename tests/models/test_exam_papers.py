import polars as pl
import pytest

from data.errors import ArtifactMissing
from data.schemas import CANDIDATES, RUN
from data.tables import from_rows
from models.exam import set_exam
from models.exam_papers import Given, paper_of, retention
from models.metrics import RETENTION
from models.retrievers import Bm25Config
from models.settings import Settings
from models.students.bi_encoder import BiEncoderConfig
from models.subjects import BaselineSubject, RunSubject, StudentSubject, TeacherSubject
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.external import ExternalConfig
from tasks.stage import Stage

STUDENT = BiEncoderConfig(name="kl")
# bach-1 answers q07, and mozart-2 q08.
STUDENT_RUN = from_rows([("q07", "iron-1", 1, 2.0), ("q07", "bach-1", 2, 1.0)], RUN)


@pytest.fixture
def exam(tiny_collection):
    return set_exam(*(tiny_collection[name] for name in ("passages", "queries", "qrels")), "test")


def given(store, **more):
    return Given(store, depth=3, batch=2, **more)


def theirs(folder, *rows):
    schema = {"qid": pl.String, "pid": pl.String, "score": pl.Float64}
    pl.DataFrame(rows, schema, orient="row").write_parquet(folder / "theirs.parquet")
    return ExternalConfig(name="theirs", path=folder / "theirs.parquet", measured_in="logit")


def candidates(store):
    table = from_rows([("q07", "bach-1", "bm25", 1, 1.0), ("q08", "bach-2", "bm25", 1, 1.0)], CANDIDATES)
    made = Stage("mine", "data.tables", lambda draft, *_: draft.write(table, CANDIDATES))
    return made.run(store, Settings(), {})


def test_a_retriever_finds_as_many_as_it_is_asked_for(exam, store):
    paper = paper_of(exam, BaselineSubject(retriever=Bm25Config()), given(store))
    assert paper.run.num_rows <= 3 * 3
    assert paper.knowledge is None


def test_a_teacher_ranks_the_candidates_that_it_knows(exam, store, tmp_path):
    subject = TeacherSubject(teacher=theirs(tmp_path, ("q08", "bach-2", 2.0), ("q08", "iron-1", 3.0)))
    paper = paper_of(exam, subject, given(store, candidates=candidates(store)))
    assert [tuple(row.values()) for row in paper.run.to_pylist()] == [("q08", "bach-2", 1, 2.0)]
    assert (paper.knowledge.missing, paper.knowledge.silent) == (1, 1)


def test_a_run_is_handed_in_as_it_is(exam, store, tmp_path):
    (tmp_path / "theirs.trec").write_text("q07 Q0 bach-1 1 2.0 x\n")
    paper = paper_of(exam, RunSubject(name="theirs", path=tmp_path / "theirs.trec"), given(store))
    assert paper.run["pid"].to_pylist() == ["bach-1"]


def test_retention_is_over_the_passages_that_both_order(exam, store, tmp_path):
    # The student has bach-1 at rank 2 of 2, the file at rank 1; with one passage each, nothing is found.
    teacher = theirs(tmp_path, ("q07", "bach-1", 9.0), ("q07", "iron-1", 1.0))
    subject = StudentSubject(student=STUDENT, seed=0, teacher=teacher)
    rows, knowledge = retention(exam, STUDENT_RUN, subject, given(store), depth=2)
    assert [(row["system"], row["measure"]) for row in rows.to_pylist()] == [("kl/0", RETENTION)]
    assert 0 < rows["value"][0].as_py() < 1
    assert knowledge.missing == 0
    assert retention(exam, STUDENT_RUN, subject, given(store), depth=1)[0].num_rows == 0


def test_without_all_its_best_a_student_is_held_against_nobody(exam, store, tmp_path):
    subject = StudentSubject(student=STUDENT, seed=0, teacher=theirs(tmp_path, ("q07", "bach-1", 9.0)))
    rows, knowledge = retention(exam, STUDENT_RUN, subject, given(store), depth=2)
    assert (rows.num_rows, knowledge.missing) == (0, 1)


@pytest.mark.parametrize(
    ("subject", "missing"),
    [
        (StudentSubject(student=STUDENT, seed=0), "weights"),
        (TeacherSubject(teacher=Bm25TeacherConfig(name="words")), "candidates"),
    ],
)
def test_what_a_kind_of_subject_needs_must_be_given(exam, store, subject, missing):
    with pytest.raises(ArtifactMissing, match=f"found no {missing}; expected them for this kind of subject"):
        paper_of(exam, subject, given(store))
