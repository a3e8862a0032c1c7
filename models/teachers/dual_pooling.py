"""Dual pooling as a teacher: it reads query and passage together, and has a vector for each.

    t(q, p) = e(q | p) · e(p | q)

A cross-encoder's score, in the form of a dual encoder's: its two vectors are what a dual encoder is taught
(``embed-distill`` with ``mode = "pair_targets"``). It is always trained here, by a softmax over lists and a
term against degeneration; how far it has degenerated is noted with its weights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from data.errors import ConfigError
from models.hardware import Precision, resolve_precision
from models.retriever import Rows, Scores
from models.scales import ScaleName
from models.settings import runtime
from models.student import Lesson
from models.teacher import TeacherConfig
from models.teachers.dual_pooling_training import DualPoolingTraining
from models.weights import ModelName, fetch

if TYPE_CHECKING:
    from models.encoders.dual_pooling import PairReader


class DualPoolingConfig(TeacherConfig):
    """The body it starts from, how it is trained, and how it reads."""

    kind: Literal["dual_pooling"] = "dual_pooling"
    model: ModelName = Field(default="all-MiniLM-L6-v2", description="The body it starts from.")
    precision: Precision = Field(default="auto", description="bfloat16 where the hardware has it.")
    max_tokens: PositiveInt = Field(default=256, description="Of query and passage together.")
    training: DualPoolingTraining = DualPoolingTraining()
    batch_tokens: PositiveInt | None = runtime(None, "Tokens at once; None: what suits the device.")

    @property
    def scale(self) -> ScaleName:
        """Logits: it is trained with a softmax of its inner products."""
        return "logit"

    @property
    def is_trained(self) -> bool:
        """Always."""
        return True

    @property
    def scored_by(self) -> tuple[str, ...]:
        """Not what trains it."""
        return ("models.encoders.dual_pooling",)

    def train(self, lesson: Lesson, folder: Path) -> tuple[pa.Table, dict[str, float]]:
        """Train it on judgements and mined negatives, and note how far it has degenerated.

        Raises:
            ConfigError: no query has both a positive and a mined negative.
            StageFailed: the loss is no longer a number.
        """
        return self.training.train(
            fetch(self.model),
            replace(lesson, seed=self.training.seed),
            max_tokens=self.max_tokens,
            template=self.template,
            folder=folder,
        )

    def model_of(self, weights: Path | None) -> "PairReader":
        """The trained body, which gives both vectors of a pair (``embed_pairs``).

        Raises:
            ConfigError: it was not trained.
        """
        from models.encoders.dual_pooling import DualPooling, PairReader

        if weights is None:
            raise ConfigError(
                where=f"teachers.{self.name}",
                found="no weights",
                expected="those of its training",
                advice="Run train_teacher for it first.",
            )
        dual = DualPooling(weights, self.max_tokens)
        return PairReader(dual, resolve_precision(self.precision), self.max_tokens, self.batch_tokens)

    def load(
        self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]
    ) -> "DualPoolingTeacher":
        """Load the trained body.

        Raises:
            ConfigError: it was not trained.
        """
        return DualPoolingTeacher(self.model_of(weights), queries, passages)


class DualPoolingTeacher:
    """A model and the texts of a collection."""

    def __init__(self, reader: "PairReader", queries: Sequence[str], passages: Sequence[str]) -> None:
        self.reader = reader
        self.inference = reader.inference
        self.max_tokens = reader.max_tokens
        self.queries = queries
        self.passages = passages

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Inner product of the two vectors of each pair."""
        rows: Iterable[tuple[int, int]] = zip(query_rows.tolist(), passage_rows.tolist(), strict=True)
        pairs = [(self.queries[query], self.passages[passage]) for query, passage in rows]
        return self.reader.score([query for query, _ in pairs], [passage for _, passage in pairs])

    def facts(self) -> dict[str, str]:
        """How pairs were scored: precision, engine, attention."""
        return self.reader.facts()

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Use the attention that was measured to be faster before."""
        self.reader.work_as(facts)
