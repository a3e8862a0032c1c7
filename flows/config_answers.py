"""Whether every student finds in the answer key what it learns from: asked before anything is scored.

A teacher may be asked less than what was mined (``asked``). A list whose passages have no answer would stop
the training; an ensemble blends what all of its members answered.
"""

from typing import TYPE_CHECKING

from flows.config_names import Learner, learners
from models.asked import Asked
from models.encoder_student import ListStudentConfig
from models.student import Need
from models.teachers import AnyTeacherConfig
from models.teachers.ensemble import EnsembleConfig

if TYPE_CHECKING:
    from flows.config import PipelineConfig


def asked_of(config: "PipelineConfig", teacher: AnyTeacherConfig) -> Asked:
    """What a teacher is asked; an ensemble what its members are."""
    if isinstance(teacher, EnsembleConfig):
        named = {each.name: each for each in config.teachers}
        return asked_of(config, named[teacher.members[0]])
    return teacher.asked


def answer_problems(config: "PipelineConfig") -> list[str]:
    """Every student and every ensemble that would miss answers; empty if none does."""
    found = [problem for learner in learners(config) for problem in _of_learner(config, learner)]
    return found + [problem for teacher in config.teachers for problem in _of_ensemble(config, teacher)]


def _of_learner(config: "PipelineConfig", learner: Learner) -> list[str]:
    student = learner.student
    if not isinstance(student, ListStudentConfig) or Need.ANSWERS not in student.needs:
        return []
    teacher, lists = config.teacher_of(student), student.lists
    asked = asked_of(config, teacher)
    problems: list[str] = []
    if asked.depth is not None and lists.negative_depth > asked.depth:
        problems.append(
            f"{learner.where}.lists.negative_depth: found {lists.negative_depth}; expected at most "
            f"{asked.depth}, which {teacher.name} is asked (teachers.{teacher.name}.asked.depth)"
        )
    if not asked.generated and lists.generated_share > 0:
        problems.append(
            f"{learner.where}.lists.generated_share: found {lists.generated_share}; expected 0, for "
            f"{teacher.name} is not asked generated queries (teachers.{teacher.name}.asked.generated)"
        )
    return problems


def _of_ensemble(config: "PipelineConfig", teacher: AnyTeacherConfig) -> list[str]:
    if not isinstance(teacher, EnsembleConfig):
        return []
    where, named = f"teachers.{teacher.name}", {each.name: each for each in config.teachers}
    problems: list[str] = []
    if teacher.asked != Asked():
        problems.append(f"{where}.asked: found one; expected none, an ensemble has its members' answers")
    first = asked_of(config, teacher)
    different = [name for name in teacher.members if asked_of(config, named[name]) != first]
    if different:
        problems.append(
            f"{where}.members: found {', '.join(different)} asked other pairs than {teacher.members[0]}; "
            "expected members with equal asked"
        )
    return problems
