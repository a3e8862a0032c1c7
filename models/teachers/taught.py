"""A student as a teacher: what it learned from one teacher it teaches to others.

A deep late-interaction model teaches a shallow one, a generative retriever another. The student is trained
from the answers of a teacher that stands before it; then its own answers are a key like any other's, gated,
stored and judged.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PrivateAttr

from data.errors import ConfigError
from models.scales import ScaleName
from models.student import Need
from models.students import StudentChoice
from models.teacher import PairTexts, Teacher, TeacherConfig


class TaughtConfig(TeacherConfig):
    """A student's settings; ``student.teacher`` names the teacher that it learns from."""

    kind: Literal["student"] = "student"
    student: StudentChoice
    seed: NonNegativeInt = Field(default=0, description="Of its lists, their order and dropout.")
    _identifiers: Path | None = PrivateAttr(default=None)

    @property
    def is_trained(self) -> bool:
        """Always: the stage ``train_student`` makes its weights."""
        return True

    @property
    def needs_identifiers(self) -> bool:
        """As the student."""
        return Need.IDENTIFIERS in self.student.finds_with

    def with_identifiers(self, folder: Path | None) -> "TaughtConfig":
        """The same, told where the index is."""
        told = self.model_copy()
        told._identifiers = folder
        return told

    @property
    def is_stored(self) -> bool:
        """Not where a score depends on the collection, by the index."""
        return not self.needs_identifiers

    @property
    def can_be_probed(self) -> bool:
        """Not where texts alone do not open it."""
        return not self.needs_identifiers

    @property
    def scored_by(self) -> tuple[str, ...]:
        """The student's module."""
        return (type(self.student).__module__,)

    @property
    def scale(self) -> ScaleName:
        """As the student's scores."""
        return self.student.scale

    def model_of(self, weights: Path | None) -> Any:  # noqa: ANN401
        """The trained student."""
        return self.student.load(_trained(self.name, weights))

    def load(self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]) -> Teacher:
        """Open the student to score pairs.

        Raises:
            ConfigError: it was not trained, or its kind can only retrieve.
        """
        folder = _trained(self.name, weights)
        found = self.student.as_teacher(folder, PairTexts(queries, passages, self._identifiers))
        if found is None:
            raise ConfigError(
                where=f"teachers.{self.name}.student",
                found=f"kind {self.student.kind!r}, which scores no single pairs",
                expected="a student that gives a pair of texts a score",
                advice="Choose another kind of student as a teacher.",
            )
        return found


def _trained(name: str, weights: Path | None) -> Path:
    if weights is None:
        raise ConfigError(
            where=f"teachers.{name}",
            found="no weights",
            expected="those of its training",
            advice="Run train_student for it first.",
        )
    return weights
