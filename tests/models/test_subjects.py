import pytest

from data.errors import ConfigError
from data.identity import canonical
from models.retrievers.bm25 import Bm25Config
from models.students.bi_encoder import BiEncoderConfig
from models.subjects import BaselineSubject, RunSubject, StudentSubject, TeacherSubject
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.ensemble import EnsembleConfig

STUDENT = BiEncoderConfig(name="kl")


@pytest.mark.parametrize(
    ("subject", "system", "name"),
    [
        (BaselineSubject(retriever=Bm25Config(name="words")), "words", "words"),
        (StudentSubject(student=STUDENT, seed=3), "kl/3", "kl"),
        (TeacherSubject(teacher=DualEncoderConfig(name="minilm")), "teacher:minilm", "teacher:minilm"),
    ],
)
def test_seeds_are_systems_of_one_name(subject, system, name):
    assert (subject.system, subject.name) == (system, name)


def test_a_teacher_is_opened_after_those_that_it_asks():
    minilm = DualEncoderConfig(name="minilm")
    both = EnsembleConfig(name="both", members=("minilm", "words"))
    words = Bm25TeacherConfig(name="words")
    members = (minilm, words)
    assert TeacherSubject(teacher=both, members=members).opened == (minilm, words, both)
    assert StudentSubject(student=STUDENT, seed=0, teacher=both, members=members).opened[-1] == both
    assert StudentSubject(student=STUDENT, seed=0).opened == ()
    assert BaselineSubject(retriever=Bm25Config()).opened == ()


def test_a_run_is_what_its_file_holds_not_where_it_lies(tmp_path, digests):
    found = []
    for name in ("a.trec", "b.trec"):
        (tmp_path / name).write_text("q1 Q0 p1 1 2.0 x\n")
        found.append(canonical(RunSubject(name="theirs", path=tmp_path / name), digests))
    assert found[0] == found[1]


def test_a_run_that_is_not_there_is_named(tmp_path, digests):
    with pytest.raises(ConfigError, match=r"absent.trec.*no such file.*a TREC run file"):
        canonical(RunSubject(name="theirs", path=tmp_path / "absent.trec"), digests)
