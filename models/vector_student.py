"""What students share that make one vector of a text: its length, what a score is, whom they can serve."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field, PositiveFloat

from models.encoder_student import ListStudentConfig
from models.scales import ScaleName
from models.student import PassageEncoder, Student
from models.teacher import PairTexts, Teacher

if TYPE_CHECKING:
    from models.encoders.asymmetric import TwoTowers
    from models.encoders.text_encoder import TextEncoder


class VectorStudent(Student, Protocol):
    """A student whose encoder others may use."""

    def encoder(self) -> "TextEncoder | TwoTowers":
        """The model, run fast."""
        ...


class VectorStudentConfig(ListStudentConfig):
    """A score is the inner product of two vectors: s(q, p) = γ · E(q) · E(p), γ only while training."""

    similarity: Literal["cosine", "dot"] = Field(
        default="cosine",
        description="Whether vectors are of unit length; those of a teacher that are matched must be, too.",
    )
    score_scale: PositiveFloat = Field(
        default=20.0,
        description="Times the similarity while training: 1 / temperature. 20 as in sentence-transformers.",
    )

    @abstractmethod
    def load(self, folder: Path) -> VectorStudent:
        """Open a student that ``save`` wrote."""

    @property
    def scale(self) -> ScaleName:
        """As its similarity."""
        return "cosine" if self.similarity == "cosine" else "inner_product"

    def as_teacher(self, folder: Path, texts: PairTexts) -> Teacher | None:
        """Score pairs by inner products of vectors."""
        from models.teachers.dual_encoder import DualEncoderTeacher

        return DualEncoderTeacher(self.load(folder).encoder(), texts.queries, texts.passages)

    def as_encoder(self, folder: Path) -> PassageEncoder | None:
        """The encoder of a trained student."""
        return self.load(folder).encoder()
