"""What a student is: it learns from the answer key, then retrieves."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl
import pyarrow as pa
from pydantic import Field, PositiveInt

from models.retriever import Retriever
from models.settings import Name, Settings


class Need(StrEnum):
    """What a student may ask for besides passages, queries and judgements."""

    ANSWERS = "answers"
    EMBEDDINGS = "embeddings"
    CLUSTERS = "clusters"
    TEACHER = "teacher"


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


@runtime_checkable
class Student(Protocol):
    """A model that learns from the answer key and then retrieves."""

    # What it had to learn from, once it has learned: queries, lists, parameters.
    facts: dict[str, float]

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn; give the training curve (table ``curve``: step, measure, value)."""
        ...

    def retriever(self, passages: Sequence[str]) -> Retriever:
        """Index the passages, given as texts in the order of their rows."""
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
    template: str = "{title} {text}"
    query_max_tokens: PositiveInt = 32
    passage_max_tokens: PositiveInt = 180

    @property
    def needs(self) -> frozenset[Need]:
        """What the student asks for with these settings."""
        return frozenset()

    @property
    def reference(self) -> str | None:
        """Name of the miner or teacher whose scores its targets are calibrated to, if any."""
        return None

    @abstractmethod
    def build(self, seed: int) -> Student:
        """Make an untrained student."""

    @abstractmethod
    def load(self, folder: Path) -> Student:
        """Open a student that ``save`` wrote."""
