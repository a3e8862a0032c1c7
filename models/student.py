"""What a student is: it learns from the answer key, then retrieves."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import Field, PositiveInt

from models.resumption import Resumption
from models.retriever import Retriever
from models.scales import ScaleName
from models.settings import Name, Settings
from models.targets import AffineTo, AnyTarget
from models.teacher import PairTexts, Teacher, TeacherConfig
from models.texts import passage_texts


class Need(StrEnum):
    """What a student may ask for besides passages, queries and judgements."""

    ANSWERS = "answers"
    EMBEDDINGS = "embeddings"
    CLUSTERS = "clusters"
    # The teacher itself, opened by the student: its weights, its inner states.
    TEACHER = "teacher"
    # The teacher's answer to any pair, while learning; what it says is stored as its other answers are.
    SCORER = "scorer"
    # What a passage may be called by: an index of n-grams, and the tokenizer's vocabulary they are made of.
    IDENTIFIERS = "identifiers"


# Pairs (qid, pid) of the lesson's queries and passages in; their scores, in that order, out.
Scorer = Callable[[pl.DataFrame], pl.Series]


@runtime_checkable
class PassageEncoder(Protocol):
    """Makes one vector of a text."""

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One vector per passage, [passage, width]."""
        ...


@dataclass(frozen=True)
class Trained:
    """Another student, as the stage that trained it left it: ``config.load(folder)`` opens it."""

    config: "StudentConfig"
    folder: Path


@dataclass(frozen=True)
class Lesson:
    """The tables a student learns from, opened lazily, and where its seed and checkpoints are.

    ``answers`` holds one teacher's rows. What a student did not declare in ``needs`` is None.
    ``queries`` holds human and generated queries of the splits train and dev.
    """

    passages: pl.LazyFrame
    queries: pl.LazyFrame
    qrels: pl.LazyFrame
    candidates: pl.LazyFrame
    answers: pl.LazyFrame | None
    embeddings: pl.LazyFrame | None
    clusters: pl.LazyFrame | None
    teacher_weights: Path | None
    seed: int
    scratch: Path
    # Scores (qid, pid, score) of the miner or teacher that targets are calibrated to.
    reference: pl.LazyFrame | None = None
    # Which mined passages are no negatives (qid, pid, action); None: nothing was decided.
    decisions: pl.LazyFrame | None = None
    # The teacher's settings, by which a student that needs it opens it (``TeacherConfig.model_of``).
    teacher: TeacherConfig | None = None
    scorer: Scorer | None = None
    # The student that this one builds on (``StudentConfig.builds_on``).
    base: Trained | None = None
    # Folder of the centroids that the clusters were made with (``models.clustering.cluster_tree``).
    centroids: Path | None = None
    # Folder of the index of identifiers.
    identifiers: Path | None = None
    # Where its trainings are kept, so that one that is cut off can go on; None: nowhere.
    resumption: Resumption | None = None


@dataclass(frozen=True)
class Shelf:
    """The passages a student is to find (table ``passages``), and what was made of them before.

    ``vectors`` are those of the table ``embeddings``, [passage, width], row by row; ``identifiers`` is the
    folder of the index of identifiers. None unless the student asks for them in ``finds_with``.
    """

    passages: pa.Table
    vectors: npt.NDArray[np.float32] | None = None
    identifiers: Path | None = None

    def texts(self, template: str) -> list[str]:
        """Each passage as one string."""
        return passage_texts(self.passages, template)

    @cached_property
    def pids(self) -> list[str]:
        """Their identifiers, row by row."""
        return self.passages["pid"].to_pylist()


@runtime_checkable
class Student(Protocol):
    """A model that learns from the answer key and then retrieves."""

    # What it had to learn from, once it has learned: queries, lists, parameters.
    facts: dict[str, float]

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn; give the training curve (table ``curve``: step, measure, value)."""
        ...

    def retriever(self, shelf: Shelf) -> Retriever:
        """Index the passages in the order of their rows."""
        ...

    def save(self, folder: Path) -> None:
        """Write weights and settings so that ``StudentConfig.load`` gives an equal student."""
        ...


class StudentConfig(Settings):
    """Settings every student shares; its ``name`` is the ``system`` of metrics."""

    # Names are for people; what is learned does not depend on them, so they enter no address.
    name: Name = Field(json_schema_extra={"cache": False})
    teacher: Name | None = Field(
        default=None, json_schema_extra={"cache": False}, description="None: the first of the teachers."
    )
    control: Name | None = Field(
        default=None,
        json_schema_extra={"cache": False},
        description="The student that it is to beat: the same but for the teacher. None: the report's.",
    )
    seeds: tuple[int, ...] | None = Field(
        default=None, json_schema_extra={"cache": False}, description="None: those of the run."
    )
    template: str = "{title} {text}"
    query_max_tokens: PositiveInt = 32
    passage_max_tokens: PositiveInt = 180

    @property
    def needs(self) -> frozenset[Need]:
        """What the student asks for with these settings."""
        return frozenset()

    @property
    def finds_with(self) -> frozenset[Need]:
        """What it asks for when it retrieves."""
        return frozenset()

    @property
    def opens(self) -> frozenset[str]:
        """Kinds of teacher that it can look into, where it needs one (``Need.TEACHER``); none: any."""
        return frozenset()

    @property
    def builds_on(self) -> Name | None:
        """Another student of the run that is trained first and given to this one.

        With ``needs`` of embeddings or clusters, these are made of that student's vectors of passages
        (``as_encoder``), and not of the encoder in section ``embed``.
        """
        return None

    @property
    def reference(self) -> str | None:
        """Name of the miner or teacher whose scores its targets are calibrated to, if any."""
        targets = (target for _, target in self.takes)
        return next((target.reference for target in targets if isinstance(target, AffineTo)), None)

    @property
    def takes(self) -> tuple[tuple[str, AnyTarget], ...]:
        """Its losses that read the answer key, with what is made of the scores (``models.contracts``)."""
        return ()

    @property
    def scale(self) -> ScaleName:
        """What its scores are measured in, where it teaches in its turn."""
        return "unknown"

    @abstractmethod
    def build(self, seed: int) -> Student:
        """Make an untrained student."""

    @abstractmethod
    def load(self, folder: Path) -> Student:
        """Open a student that ``save`` wrote."""

    def as_teacher(self, folder: Path, texts: PairTexts) -> Teacher | None:
        """Open a trained student, which ``save`` wrote, to score pairs; None for one that only retrieves."""
        del folder, texts
        return None

    def as_encoder(self, folder: Path) -> PassageEncoder | None:
        """Open a trained student to make vectors of single passages; None for one that makes none."""
        del folder
        return None
