"""MD2PR: a bi-encoder learns from a cross-encoder at several levels, and drops its false negatives.

    L = InfoNCE, filtered  +  sentence · KL  +  attention · maps of words  +  hidden · states of words

    filter      a candidate that the ranker puts above the labelled answer is no negative (its logit is -∞)
    sentence    shares of the list's candidates, as the ranker's scores give them
    attention   what each word of one text looks at in the other, in the ranker's last layer
    hidden      the state of each word there, through a learned projection

The bi-encoder never sees both texts at once, so its map is made of its token states. Words are found by
offsets: ranker and retriever may cut texts differently. All candidates of a list were mined, so the ranker
scored them; other lists' passages, which it did not, are kept out, since no filter would catch them.

A frozen ranker's scores are those of the answer key. With ``refresh_every`` a copy of it scores each step's
lists as it is by then and learns from their labels every so many steps, so that the threshold moves.
Without weights and filter this is the control: InfoNCE on the same lists.
Source: https://arxiv.org/abs/2312.16821, of which no code is public: weights and direction are settings.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from models.batches import draw_lists
from models.encoder_student import EncoderStudentConfig
from models.hardware import resolve_precision
from models.student import Lesson, Need, Shelf
from models.targets import AnyTarget, Factor, Identity, TargetChoice
from models.vector_student import VectorStudentConfig
from models.weights import fetch

if TYPE_CHECKING:
    from models.encoders.ranker import Ranker
    from models.encoders.text_encoder import TextEncoder
    from models.losses.multi_level import Levels
    from models.retrievers.dense import DenseRetriever


class Md2prConfig(EncoderStudentConfig, VectorStudentConfig):
    """Which levels count, and how much; the defaults of weights are the project's, the paper names none."""

    kind: Literal["md2pr"] = "md2pr"
    filter: bool = Field(default=True, description="Leave out negatives that the ranker puts first.")
    sentence: NonNegativeFloat = Field(default=1.0, description="Weight of the KL on scores; 0: none.")
    attention: NonNegativeFloat = Field(default=1.0, description="Weight of the maps of words; 0: none.")
    hidden: NonNegativeFloat = Field(
        default=0.1,
        description="Weight of the states of words; 0: none. Small, for it starts near 2, above all others.",
    )
    direction: Literal["query_to_passage", "passage_to_query", "both"] = Field(
        default="both", description="Whose words look at the other's."
    )
    word_negatives: int = Field(
        default=1, ge=0, description="Negatives of each list whose words are compared, beside the positive."
    )
    temperature: PositiveFloat = Field(
        default=1.0, description="Of the KL on scores, on both sides, after scale and targets."
    )
    targets: TargetChoice = Field(default=Identity(), description="What is made of the ranker's scores.")
    refresh_every: PositiveInt | None = Field(
        default=None, description="Steps between two lessons of the ranker; None: it stays as it is."
    )
    refresh_steps: PositiveInt = Field(default=1, description="Updates of a lesson, all on its step's lists.")
    refresh_learning_rate: PositiveFloat = Field(
        default=1e-5, description="Of the ranker; lower than the student's, as in AR2."
    )

    @model_validator(mode="after")
    def _check_refreshing(self) -> "Md2prConfig":
        if self.refresh_every is not None and not (
            self.filter or self.sentence or self.attention or self.hidden
        ):
            msg = (
                "found refresh_every, and no term that reads the ranker; expected one, or a ranker left alone"
            )
            raise ValueError(msg)
        if self.refresh_every is not None and not isinstance(self.targets, Identity | Factor):
            msg = (
                f"found targets.kind = {self.targets.kind!r} with refresh_every; expected identity or "
                "factor, since scores of a ranker that moves are made step by step"
            )
            raise ValueError(msg)
        return self

    @property
    def reads(self) -> frozenset[Need]:
        """The answer key for scores of a frozen ranker; the ranker itself for words, or to go on learning."""
        asked = {
            Need.ANSWERS: bool(self.filter or self.sentence) and self.refresh_every is None,
            Need.TEACHER: bool(self.attention or self.hidden or self.refresh_every),
        }
        return frozenset(need for need, is_asked in asked.items() if is_asked)

    @property
    def opens(self) -> frozenset[str]:
        """One that reads query and passage together, and has words to attend to."""
        return frozenset({"cross_encoder"})

    @property
    def takes(self) -> tuple[tuple[str, AnyTarget], ...]:
        """The terms that read scores, and the targets."""
        terms = {"filtered_infonce": self.filter, "kl": self.sentence > 0}
        return tuple((name, self.targets) for name, counts in terms.items() if counts)

    def build(self, seed: int) -> "Md2pr":
        """Cut the backbone. It starts the same for every ``seed``; what it is taught, and when, differs.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            InputError: a layer is named that the backbone does not have.
        """
        from models.encoders.sentence_model import open_model
        from models.encoders.tower import tower

        del seed
        model = tower(
            open_model(fetch(self.backbone)),
            self.layers,
            self.similarity,
            query_max_tokens=self.query_max_tokens,
            passage_max_tokens=self.passage_max_tokens,
        )
        return Md2pr(self, model)

    def load(self, folder: Path) -> "Md2pr":
        """Open a student that ``save`` wrote."""
        from models.encoders.sentence_model import open_model

        return Md2pr(self, open_model(folder))

    def levels(self) -> "Levels":
        """What the loss is told."""
        from models.losses.multi_level import Levels

        return Levels(
            score_scale=self.score_scale,
            filtered=self.filter,
            sentence=self.sentence,
            temperature=self.temperature,
            attention=self.attention,
            hidden=self.hidden,
            direction=self.direction,
            word_negatives=self.word_negatives,
            ranker_factor=self.targets.by if isinstance(self.targets, Factor) else 1.0,
            refresh_every=self.refresh_every,
            refresh_steps=self.refresh_steps,
        )


class Md2pr:
    """The student. ``facts`` says what it had to learn from, and what share of it was filtered."""

    def __init__(self, config: Md2prConfig, model: Any) -> None:  # noqa: ANN401  (SentenceTransformer)
        self.config = config
        self.model = model
        self.facts: dict[str, float] = {}

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn from the lists of all train queries; give the curve.

        Raises:
            ConfigError: no query has a positive and a mined negative, or the teacher is no fit cross-encoder.
            StageFailed: the loss is no longer a number.
        """
        from sentence_transformers import SentenceTransformerTrainingArguments

        from models import fitting, trainers
        from models.losses.multi_level import MultiLevelLoss

        settings, config = self.config.training, self.config
        ranker = self._ranker(lesson) if config.reads & {Need.TEACHER} else None
        lists = draw_lists(lesson, config.lists, settings, config.template)
        self.facts = {**lists.facts(settings), "parameters": fitting.parameters(self.model)}
        loss = MultiLevelLoss(self.model, config.levels(), ranker)
        course = fitting.Course(
            model=self.model,
            loss=loss,
            trainer=trainers.ReadingTrainer,
            arguments=SentenceTransformerTrainingArguments,
            label=lambda rows: labelled(config, rows, lesson.reference),
        )
        curve = fitting.teach(course, lists, settings, lesson, config.rounds(self, lesson, lists))
        self.facts |= loss.whole.measures()
        return curve

    def _ranker(self, lesson: Lesson) -> "Ranker":
        from models.teachers.reading import open_ranker

        config = self.config
        rate = config.refresh_learning_rate
        return open_ranker(lesson, student=config.name, template=config.template, learning_rate=rate)

    def retriever(self, shelf: Shelf) -> "DenseRetriever":
        """Encode the passages; a score is the inner product of vectors, without the scale."""
        from models.retrievers.dense import DenseRetriever

        encoder = self.encoder()
        return DenseRetriever(encoder, encoder.encode_passages(shelf.texts(self.config.template)))

    def encoder(self) -> "TextEncoder":
        """The model, run fast."""
        from models.encoders.text_encoder import Form, TextEncoder

        return TextEncoder(
            self.model,
            query=Form(max_tokens=self.config.query_max_tokens),
            passage=Form(max_tokens=self.config.passage_max_tokens),
            precision=resolve_precision(self.config.training.precision),
        )

    def save(self, folder: Path) -> None:
        """Write a folder that ``SentenceTransformer(folder)`` opens as the same model."""
        self.model.save(str(folder), create_model_card=False)


def labelled(config: Md2prConfig, rows: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
    """Give each list the ranker's scores as targets, where a term reads the answer key."""
    if config.reads & {Need.ANSWERS}:
        return config.targets.apply(rows, reference)
    return rows.select("query_id", "document_ids")
