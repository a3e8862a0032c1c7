"""Who is judged: a student, a baseline, a teacher, a run from elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from data.digests import FileDigests
from data.errors import ConfigError
from data.identity import Identity
from models.retrievers import RetrieverChoice
from models.settings import Name, Settings
from models.students import StudentChoice
from models.teachers import TeacherChoice


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
