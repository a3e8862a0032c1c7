"""What students share that write identifiers: their index, what a score is, whom they can serve."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from data.errors import ConfigError
from models.scales import ScaleName
from models.student import Need, Student, StudentConfig
from models.teacher import PairTexts, Teacher

if TYPE_CHECKING:
    from models.generative import Generative


class WritingStudent(Student, Protocol):
    """A student whose model others may search with."""

    @property
    def generative(self) -> "Generative":
        """The model that writes, and how it is searched with."""
        ...


class WritingStudentConfig(StudentConfig):
    """A score is the sum of what the query's keys weigh that the passage has."""

    train_words: bool = Field(
        default=True,
        description="Whether the embeddings of words learn, which are input and output; a short run on an "
        "encoder's words learns as much without.",
    )

    @abstractmethod
    def load(self, folder: Path) -> WritingStudent:
        """Open a student that ``save`` wrote."""

    @property
    def finds_with(self) -> frozenset[Need]:
        """The index of the passages to find."""
        return frozenset({Need.IDENTIFIERS})

    @property
    def scale(self) -> ScaleName:
        """Sums of squared log-odds have no natural unit: they grow with the index."""
        return "unknown"

    def as_teacher(self, folder: Path, texts: PairTexts) -> Teacher | None:
        """Score pairs by the query's keys that the passage has; None without the index of the passages."""
        from models.teachers.generative import GenerativeTeacher

        if texts.identifiers is None:
            return None
        retriever = self.load(folder).generative.retriever(texts.identifiers)
        return GenerativeTeacher(retriever, texts.queries, texts.passages)


def index_of(identifiers: Path | None) -> Path:
    """Folder of the index of identifiers that a lesson or a shelf has.

    Raises:
        ConfigError: it has none.
    """
    if identifiers is None:
        raise ConfigError(
            where="identifiers",
            found="no index of identifiers",
            expected="that of the passages, of which the student writes the identifiers",
            advice="Pass what the stage index_identifiers made.",
        )
    return identifiers
