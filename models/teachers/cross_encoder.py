"""Cross-encoder as a teacher: query and passage read together, one raw logit out.

    t(q, p) = w · h([CLS] q [SEP] p [SEP]) + b

No sigmoid: a probability near 1 no longer tells good from best, and losses compare gaps of logits.
Source: Nogueira and Cho 2019, https://arxiv.org/abs/1901.04085
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from data.errors import ConfigError, ModelUnavailable
from models.hardware import Precision, device, resolve_precision
from models.retriever import Rows, Scores
from models.scales import ScaleName
from models.settings import runtime
from models.student import Lesson
from models.teacher import TeacherConfig
from models.teachers.cross_encoder_training import CrossEncoderTraining
from models.weights import ModelName, fetch

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from models.encoders.inference import Inference


class CrossEncoderConfig(TeacherConfig):
    """A cross-encoder by name, or one trained here on judgements and mined negatives."""

    kind: Literal["cross_encoder"] = "cross_encoder"
    model: ModelName = Field(description="A cross-encoder; with `training`, the backbone it starts from.")
    precision: Precision = Field(default="auto", description="bfloat16 where the hardware has it.")
    max_tokens: PositiveInt = Field(default=256, description="Of query and passage together.")
    training: CrossEncoderTraining | None = Field(
        default=None, description="How it is trained here; None: it is given."
    )
    batch_tokens: PositiveInt | None = runtime(None, "Tokens at once; None: what suits the device.")

    @property
    def scale(self) -> ScaleName:
        """Logits: no sigmoid is applied."""
        return "logit"

    @property
    def is_trained(self) -> bool:
        """Whether its weights are made here."""
        return self.training is not None

    @property
    def scored_by(self) -> tuple[str, ...]:
        """Not what trains it."""
        return ("models.encoders.inference",)

    def train(self, lesson: Lesson, folder: Path) -> tuple[pa.Table, dict[str, float]]:
        """Train it on judgements and mined negatives, and write it to ``folder``.

        Raises:
            ConfigError: there are no settings for it; no query has both a positive and a mined negative.
            StageFailed: the loss is no longer a number.
        """
        if self.training is None:
            raise ConfigError(
                where=f"teachers.{self.name}",
                found="no section training",
                expected="one, for a cross-encoder that is trained here",
                advice="Add [teachers.training], or do not train this teacher.",
            )
        return self.training.train(
            fetch(self.model),
            replace(lesson, seed=self.training.seed),
            max_tokens=self.max_tokens,
            template=self.template,
            folder=folder,
        )

    def model_of(self, weights: Path | None) -> "CrossEncoder":
        """The model of sentence-transformers, with attention that can be read (``output_attentions``).

        Raises:
            ModelUnavailable: it is not to be had, has no head, or gives more than one number.
        """
        return _open(weights or fetch(self.model), attn_implementation="eager")

    def load(
        self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]
    ) -> "CrossEncoderTeacher":
        """Load the model.

        Raises:
            ModelUnavailable: it is not to be had, has no head, or gives more than one number.
        """
        from models.encoders.inference import Inference

        model = _open(weights or fetch(self.model))
        inference = Inference(model, resolve_precision(self.precision), self.batch_tokens)
        return CrossEncoderTeacher(inference, self.max_tokens, queries, passages)


class CrossEncoderTeacher:
    """A model and the texts of a collection."""

    def __init__(
        self, inference: "Inference", max_tokens: int, queries: Sequence[str], passages: Sequence[str]
    ) -> None:
        self.inference = inference
        self.max_tokens = max_tokens
        self.queries = queries
        self.passages = passages

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Raw logit of each pair."""
        rows: Iterable[tuple[int, int]] = zip(query_rows.tolist(), passage_rows.tolist(), strict=True)
        pairs = [(self.queries[query], self.passages[passage]) for query, passage in rows]
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        return self.inference.run(pairs, max_tokens=self.max_tokens)[:, 0]

    def facts(self) -> dict[str, str]:
        """How pairs were scored: precision, engine, attention."""
        return self.inference.facts()

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Use the attention that was measured to be faster before."""
        self.inference.work_as(facts)


def _open(folder: Path, **options: str) -> "CrossEncoder":
    from sentence_transformers import CrossEncoder

    check_head(folder)
    return CrossEncoder(
        str(folder),
        device=device(),
        local_files_only=True,
        model_kwargs={"use_safetensors": True, **options},
    )


def check_head(folder: Path) -> None:
    """Refuse a checkpoint without a head that gives one number: libraries would invent one at random.

    Raises:
        ModelUnavailable: there is no such head.
    """
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    made_for = ", ".join(settings.get("architectures") or ["nothing named"])
    labels = len(settings.get("id2label", {})) or settings.get("num_labels", 2)
    if "ForSequenceClassification" not in made_for or labels != 1:
        raise ModelUnavailable(
            where=f"cross-encoder {folder}",
            found=f"a checkpoint of {made_for} with {labels} labels",
            expected="a model for sequence classification with one label, whose logit is the score",
            advice="Name a cross-encoder, or add a [teachers.training] section to train one from this model.",
        )
