"""What students share that learn from lists: how these are drawn, mined again, and where training starts."""

from collections.abc import Iterator

from pydantic import Field, model_validator

from models.batches import Lists, ListSettings
from models.online import OnlineConfig, rounds_of
from models.student import Lesson, Need, Student, StudentConfig
from models.training import TrainingConfig
from models.weights import ModelName


class ListStudentConfig(StudentConfig):
    """It learns from lists, and may mine them as it learns."""

    lists: ListSettings = ListSettings()
    training: TrainingConfig = TrainingConfig()
    online: OnlineConfig | None = Field(
        default=None, description="Mine again as it learns; None: it learns from the key as it is."
    )

    @model_validator(mode="after")
    def _check_online(self) -> "ListStudentConfig":
        if self.online and Need.ANSWERS not in self.reads:
            msg = "online: found a loss that learns from no teacher; expected one that does, such as kl"
            raise ValueError(msg)
        return self

    @property
    def reads(self) -> frozenset[Need]:
        """What its losses ask for."""
        return frozenset()

    @property
    def needs(self) -> frozenset[Need]:
        """What its losses ask for and, if it mines, a teacher to ask."""
        return self.reads | ({Need.SCORER} if self.online else frozenset())

    def rounds(self, student: Student, lesson: Lesson, lists: Lists) -> Iterator[Lists] | None:
        """The lists round by round, where the student mines (``models.online``)."""
        return rounds_of(student, lesson, lists, self) if self.online else None


class EncoderStudentConfig(ListStudentConfig):
    """A model of sentence-transformers, or some layers of one."""

    backbone: ModelName = Field(default="all-MiniLM-L6-v2", description="What training starts from.")
    layers: tuple[int, ...] | None = Field(
        default=None, description="Layers of the backbone to keep, counted from 0; None keeps all."
    )
