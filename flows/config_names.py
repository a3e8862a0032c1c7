"""Names that sections call each other by: each is distinct where it is looked up, and known where it is used.

Miners and teachers have names of their own, and a miner may be called as a teacher is: what it found and
what the teacher says of it are different tables. Only a reference looks a name up among both, so only there
the two must differ. A teacher that learns or blends knows those that stand before it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from models.retrievers import AnyRetrieverConfig
from models.student import Need
from models.students import AnyStudentConfig
from models.subjects import RunSubject
from models.teachers.ensemble import EnsembleConfig
from models.teachers.taught import TaughtConfig

if TYPE_CHECKING:
    from flows.config import PipelineConfig


class Learner(NamedTuple):
    """Who learns: its section of the configuration, its settings, and the teachers that it may name."""

    where: str
    student: AnyStudentConfig
    teachers: list[str]


def learners(config: "PipelineConfig") -> list[Learner]:
    """The students, and the teachers that are taught by another."""
    names = [teacher.name for teacher in config.teachers]
    students = [Learner(f"students.{student.name}", student, names) for student in config.students]
    return students + [
        Learner(f"teachers.{teacher.name}.student", teacher.student, names[:place])
        for place, teacher in enumerate(config.teachers)
        if isinstance(teacher, TaughtConfig)
    ]


def name_problems(config: "PipelineConfig") -> list[str]:
    """Everything that is wrong with the names of a configuration; empty if nothing is."""
    problems = _repeated(config)
    for learner in learners(config):
        problems += _of_teacher(config, learner)
        problems += _of_reference(config, learner)
        problems += _of_base(config, learner)
    return [*problems, *_of_members(config), *_of_controls(config)]


def _repeated(config: "PipelineConfig") -> list[str]:
    sections = {
        "teachers": [teacher.name for teacher in config.teachers],
        "systems": _systems(config),
        "seeds": [str(seed) for seed in config.seeds],
    }
    for learner in learners(config):
        sections[f"{learner.where}.seeds"] = [str(seed) for seed in learner.student.seeds or ()]
    return [
        f"{section}: the name {name!r} is used {count} times; expected distinct names"
        for section, names in sections.items()
        for name, count in sorted(Counter(names).items())
        if count > 1
    ]


def _of_teacher(config: "PipelineConfig", learner: Learner) -> list[str]:
    found = learner.student.teacher or config.teachers[0].name
    kinds = learner.student.opens if Need.TEACHER in learner.student.needs else frozenset[str]()
    if found in learner.teachers:
        kind = next(teacher.kind for teacher in config.teachers if teacher.name == found)
        expected = f"one that it can look into, of kind {' or '.join(sorted(kinds))}"
        wrong = [f"{learner.where}.teacher: found {found!r}, of kind {kind}; expected {expected}"]
        return wrong if kinds and kind not in kinds else []
    known = f"one of {', '.join(learner.teachers)}" if learner.teachers else "a teacher that stands before it"
    return [f"{learner.where}.teacher: found {found!r}; expected {known}"]


def _of_reference(config: "PipelineConfig", learner: Learner) -> list[str]:
    found, miners = learner.student.reference, [miner.name for miner in config.mine.miners]
    where = f"{learner.where}.targets.reference: found {found!r}"
    if found in learner.teachers and found in miners:
        return [
            f"{where}, the name of a teacher and of a miner; expected the name of one of them. "
            "Give one of them another name, in [[teachers]] or in [[mine.miners]]"
        ]
    if found and found not in learner.teachers and found not in miners:
        return [f"{where}; expected one of {', '.join([*learner.teachers, *miners])}"]
    return []


def _of_base(config: "PipelineConfig", learner: Learner) -> list[str]:
    """Whom it builds on is another student, and builds on no one who builds on it."""
    named = {student.name: student for student in config.students}
    first = found = learner.student.builds_on
    before = {learner.student.name} if learner.where.startswith("students.") else set[str]()
    while found is not None:
        if found in before or found not in named:
            others = ", ".join(sorted(set(named) - before)) or "none"
            expected = f"another student that does not build on it: one of {others}"
            return [f"{learner.where}: it builds on {first!r}; expected {expected}"]
        before.add(found)
        found = named[found].builds_on
    return []


def _of_members(config: "PipelineConfig") -> list[str]:
    teachers = [teacher.name for teacher in config.teachers]
    return [
        f"teachers.{teacher.name}.members: found {name!r}; expected teachers that stand before it"
        for place, teacher in enumerate(config.teachers)
        if isinstance(teacher, EnsembleConfig)
        for name in teacher.members
        if name not in teachers[:place]
    ]


def _of_controls(config: "PipelineConfig") -> list[str]:
    systems = _systems(config)
    controls = {"report": config.report.control}
    controls |= {f"students.{student.name}": student.control for student in config.students}
    return [
        f"{section}.control: found {control!r}; expected one of {', '.join(systems)}"
        for section, control in controls.items()
        if control and control not in systems
    ]


def _systems(config: "PipelineConfig") -> list[str]:
    systems: Sequence[AnyStudentConfig | AnyRetrieverConfig | RunSubject]
    systems = (*config.baselines, *config.runs, *config.students)
    return [system.name for system in systems]
