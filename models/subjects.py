"""Who is judged: a student, a baseline, a teacher, a run from elsewhere."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from data.identity import Identity, file_identity
from models.retrievers import RetrieverChoice
from models.settings import Name, Settings
from models.students import StudentChoice
from models.teachers import AnyTeacherConfig, TeacherChoice


class _Judged(Settings):
    """What all have in common."""

    @property
    def opened(self) -> tuple[AnyTeacherConfig, ...]:
        """The teachers that are opened to judge it, each after those that it asks."""
        return ()

    @property
    def asked_depth(self) -> int | None:
        """How deep these are asked; None: as deep as was mined."""
        depths = [teacher.asked.depth for teacher in self.opened if teacher.asked.depth is not None]
        return min(depths, default=None)


class BaselineSubject(_Judged):
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


class StudentSubject(_Judged):
    """A trained student, and the teacher that it is held against."""

    kind: Literal["student"] = "student"
    student: StudentChoice
    seed: int
    teacher: TeacherChoice | None = None
    members: tuple[TeacherChoice, ...] = ()  # those that its teacher asks

    @property
    def opened(self) -> tuple[AnyTeacherConfig, ...]:
        """Its teacher comes last."""
        return (*self.members, self.teacher) if self.teacher else ()

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``: one for each seed."""
        return f"{self.student.name}/{self.seed}"

    @property
    def name(self) -> str:
        """What its seeds share: its name on the leaderboard."""
        return self.student.name


class TeacherSubject(_Judged):
    """A teacher that re-ranks the mined candidates."""

    kind: Literal["teacher"] = "teacher"
    teacher: TeacherChoice
    members: tuple[TeacherChoice, ...] = ()  # those that it asks

    @property
    def opened(self) -> tuple[AnyTeacherConfig, ...]:
        """Itself comes last."""
        return (*self.members, self.teacher)

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``."""
        return f"teacher:{self.teacher.name}"

    @property
    def name(self) -> str:
        """Its name on the leaderboard."""
        return self.system


class RunSubject(_Judged):
    """A run that some other system made: a TREC file."""

    kind: Literal["run"] = "run"
    name: Name
    path: Annotated[Path, Identity(partial(file_identity, where="runs.path", expected="a TREC run file"))]

    @property
    def system(self) -> str:
        """Its name in the table ``metrics``."""
        return self.name


AnySubject = BaselineSubject | StudentSubject | TeacherSubject | RunSubject
Subject = Annotated[AnySubject, Field(discriminator="kind")]
