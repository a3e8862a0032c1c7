import tomllib

import pytest

from data.errors import ConfigError
from flows.config import check, config_path
from flows.config_names import name_problems

VALUES = tomllib.loads(config_path("sample").read_text(encoding="utf-8"))
LEXICAL = {"kind": "bm25", "name": "words"}
OTHER = {"kind": "bm25", "name": "others"}
MINER = {"kind": "bm25", "name": "mined"}


def config(teachers=(LEXICAL,), students=(), **sections):
    given = {"teachers": list(teachers), "students": list(students), "report": {}}
    return check(VALUES | given | {"mine": {"miners": [MINER]}} | sections, "here")


def student(name="kl", reference=None, **settings):
    targets = {"kind": "affine_to", "reference": reference} if reference else {"kind": "factor", "by": 2.0}
    return {"kind": "bi-encoder", "name": name, "loss": "kl", "targets": targets} | settings


def taught(name="deep", **settings):
    return {"kind": "student", "name": name, "student": student(name, **settings)}


def test_names_that_fit_are_no_problem():
    made = config(
        [LEXICAL, OTHER, taught(teacher="others", reference="words")],
        [student("one", "words"), student("two", "mined", teacher="deep", control="one", seeds=[0, 1])],
    )
    assert name_problems(made) == []


def test_a_miner_may_be_called_as_a_teacher_is_unless_a_student_refers_to_it():
    called = {"miners": [MINER | {"name": "words"}]}
    assert name_problems(config([LEXICAL, OTHER], [student(), student("two", "others")], mine=called)) == []
    with pytest.raises(
        ConfigError,
        match=r"students.kl.targets.reference: found 'words', the name of a teacher and of a miner; "
        r"expected the name of one of them. Give one of them another name, in \[\[teachers\]\]",
    ):
        config([LEXICAL, OTHER], [student(reference="words")], mine=called)


@pytest.mark.parametrize(
    ("teachers", "students", "message"),
    [
        ([LEXICAL, LEXICAL], [], "teachers: the name 'words' is used 2 times"),
        ([LEXICAL], [student(), student()], "systems: the name 'kl' is used 2 times"),
        ([LEXICAL], [student(seeds=[3, 3])], "students.kl.seeds: the name '3' is used 2 times"),
        ([LEXICAL], [student(teacher="x")], "students.kl.teacher: found 'x'; expected one of words"),
        ([LEXICAL], [student(control="x")], "students.kl.control: found 'x'; expected one of .*kl"),
        (
            [LEXICAL],
            [student(reference="x")],
            "students.kl.targets.reference: found 'x'; expected one of words, mined",
        ),
        (
            [OTHER, {"kind": "ensemble", "name": "both", "members": ["others", "words"]}, LEXICAL],
            [],
            "teachers.both.members: found 'words'; expected teachers that stand before it",
        ),
        (
            [taught(), LEXICAL],
            [],
            "teachers.deep.student.teacher: found 'deep'; expected a teacher that stands before it",
        ),
        (
            [LEXICAL, taught(teacher="others"), OTHER],
            [],
            "teachers.deep.student.teacher: found 'others'; expected one of words",
        ),
        (
            [LEXICAL, taught(reference="others"), OTHER],
            [],
            "teachers.deep.student.targets.reference: found 'others'; expected one of words, mined",
        ),
        (
            [LEXICAL],
            [{"kind": "md2pr", "name": "words"}],
            "students.words.teacher: found 'words', of kind bm25; expected one that it can look into, of "
            "kind cross_encoder",
        ),
        (
            [LEXICAL],
            [{"kind": "embed-distill", "name": "near"}],
            "students.near.teacher: found 'words', of kind bm25; expected .* kind dual_encoder or student",
        ),
        (
            [LEXICAL],
            [{"kind": "dgr", "name": "dgr", "base": "minder"}, student()],
            "students.dgr: it builds on 'minder'; expected another student .*: one of kl",
        ),
        (
            [LEXICAL],
            [
                {"kind": "dgr", "name": "one", "base": "two"},
                {"kind": "dgr", "name": "two", "base": "one"},
            ],
            "students.one: it builds on 'two'; expected another student .*: one of none",
        ),
    ],
)
def test_a_name_that_does_not_fit_is_told_with_those_that_do(teachers, students, message):
    with pytest.raises(ConfigError, match=message):
        config(teachers, students)
