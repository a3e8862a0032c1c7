"""EmbedDistill: the student's vectors are to lie where the teacher's lie.

    symmetric      one small encoder of queries and passages
    asymmetric     a small encoder of queries; of passages the teacher's, frozen, with the vectors it has made
    pair_targets   as symmetric; the teacher reads query and passage together (kind ``dual_pooling``), has a
                   vector for each that depends on the other, and those of a query and its answer are matched

    L = w_label · CE(s, answer) + w_score · D(s, t) + w_match · ( R(q) + R(p) ),
    R(x) = mean || E(x) - e_t(x) ||₂,     s(q, p) = γ · E_q(q) · E_p(p)

with γ the ``score_scale``, D from the answer key (``kl`` or ``margin_mse``), e_t the teacher's vectors. R
asks for no label: generated queries enter it as others do. Vectors that are shorter than the teacher's are
made as long by a linear layer in the encoder. With ``label_weight`` alone no teacher is learned from: the
control. Source: Kim et al. 2023, https://arxiv.org/abs/2301.12005, whose weights are not known.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pydantic import Field, NonNegativeFloat, model_validator

from data.errors import ArtifactMissing
from models.batches import Lists, draw_lists
from models.hardware import resolve_precision
from models.student import Lesson, Need, Shelf
from models.targets import AnyTarget, Identity, TargetChoice
from models.vector_student import VectorStudentConfig
from models.weights import ModelName, fetch

if TYPE_CHECKING:
    from models.encoders.asymmetric import TwoTowers
    from models.encoders.text_encoder import TextEncoder
    from models.losses.embed_distill import Goals
    from models.retrievers.dense import DenseRetriever
    from models.teacher_vectors import PairEncoder


class EmbedDistillConfig(VectorStudentConfig):
    """Which towers learn, where they start, and how much each term counts."""

    kind: Literal["embed-distill"] = "embed-distill"
    mode: Literal["symmetric", "asymmetric", "pair_targets"] = "asymmetric"
    backbone: ModelName | None = Field(
        default=None, description="What is trained starts from it; None: from the teacher's own encoder."
    )
    layers: tuple[int, ...] | None = Field(
        default=None, description="Layers to keep of what it starts from, counted from 0; None keeps all."
    )
    label_weight: NonNegativeFloat = Field(default=0.0, description="Of the hard labels; alone: the control.")
    score_weight: NonNegativeFloat = Field(default=1.0, description="Of the term on the teacher's scores.")
    match_weight: NonNegativeFloat = Field(
        default=1.0, description="Of the distance of queries and, unless they are inherited, of passages."
    )
    score_loss: Literal["kl", "margin_mse"] = Field(default="kl", description="How scores are compared.")
    targets: TargetChoice = Field(
        default=Identity(), description="What is made of the teacher's scores; cosines take a factor of 20."
    )

    @model_validator(mode="after")
    def _check_terms(self) -> "EmbedDistillConfig":
        if not (self.label_weight or self.score_weight or self.match_weight):
            msg = "found no term with a weight; expected one or more above 0"
            raise ValueError(msg)
        if self.backbone is None and (self.mode == "pair_targets" or Need.TEACHER not in self.needs):
            msg = "found no backbone, and no teacher that encodes single texts; expected one to start from"
            raise ValueError(msg)
        return self

    @property
    def reads(self) -> frozenset[Need]:
        """The answer key for the term on scores; the teacher for its vectors, or to start from it."""
        inherits, matches = self.mode == "asymmetric", self.match_weight > 0
        starts_there = self.backbone is None and self.score_weight > 0
        asked = {
            Need.ANSWERS: self.score_weight > 0,
            Need.TEACHER: inherits or matches or starts_there,
            Need.EMBEDDINGS: inherits or (matches and self.mode == "symmetric"),
        }
        return frozenset(need for need, is_asked in asked.items() if is_asked)

    @property
    def finds_with(self) -> frozenset[Need]:
        """The vectors of passages, where no encoder of them was trained."""
        return frozenset({Need.EMBEDDINGS} if self.mode == "asymmetric" else ())

    @property
    def opens(self) -> frozenset[str]:
        """One with vectors of pairs, or of texts."""
        return frozenset({"dual_pooling"} if self.mode == "pair_targets" else {"dual_encoder", "student"})

    @property
    def takes(self) -> tuple[tuple[str, AnyTarget], ...]:
        """Its loss on scores and its targets."""
        return ((self.score_loss, self.targets),) if self.score_weight else ()

    def build(self, seed: int) -> "EmbedDistill":
        """Cut the backbone, if one is named; else the student starts when it meets its teacher.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            InputError: a layer is named that the backbone does not have.
        """
        from models.encoders.sentence_model import open_model

        del seed
        return EmbedDistill(self, _start(self, open_model(fetch(self.backbone))) if self.backbone else None)

    def load(self, folder: Path) -> "EmbedDistill":
        """Open a student that ``save`` wrote."""
        from models.encoders.asymmetric import inherited, parted
        from models.encoders.sentence_model import open_model

        model, documents = parted(open_model(folder))
        if self.mode != "asymmetric":
            return EmbedDistill(self, model)
        return EmbedDistill(self, model, inherited(documents, resolve_precision(self.training.precision)))


class EmbedDistill:
    """The student. ``model`` encodes what it learned to; ``documents`` is the tower that it inherited."""

    def __init__(
        self,
        config: EmbedDistillConfig,
        model: Any,  # noqa: ANN401  (SentenceTransformer; None before it met its teacher)
        documents: "TextEncoder | None" = None,
    ) -> None:
        self.config = config
        self.model = model
        self.documents = documents
        self.facts: dict[str, float] = {}

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn from the lists of all train queries; give the curve.

        Raises:
            ConfigError: no query has a positive and a mined negative; the teacher has no such vectors; the
                table ``embeddings`` is not the teacher's.
            StageFailed: the loss is no longer a number.
        """
        from sentence_transformers import SentenceTransformerTrainingArguments

        from models import embedding_targets, fitting, trainers
        from models.losses.embed_distill import EmbedDistillLoss, Terms
        from models.repeats import EncodeOnce
        from models.teacher_vectors import open_teacher

        config, settings = self.config, self.config.training
        lists = draw_lists(lesson, config.lists, settings, config.template)
        teacher = open_teacher(lesson, config.mode) if Need.TEACHER in config.needs else None
        goals = self._goals(lesson, lists, teacher)
        counts = embedding_targets.generated(lesson, lists), fitting.parameters(self.model)
        self.facts = lists.facts(settings) | dict(
            zip(("queries_generated", "parameters"), counts, strict=True)
        )
        weights = config.label_weight, config.score_weight, config.match_weight
        terms = Terms(*weights, config.score_loss, config.score_scale)
        loss = EmbedDistillLoss(EncodeOnce(self.model), goals, terms)

        def rounds() -> Iterator[Lists]:
            """Goals are counted by list: those of the first round stand already."""
            for number, some in enumerate(config.rounds(self, lesson, lists) or (lists,)):
                loss.goals = self._goals(lesson, some, teacher) if number else goals
                yield embedding_targets.prompted(some, self.model.prompts)

        course = fitting.Course(
            model=self.model,
            loss=loss,
            trainer=trainers.EncoderTrainer,
            arguments=SentenceTransformerTrainingArguments,
            label=lambda rows: embedding_targets.numbered(rows, with_passages=not goals.frozen),
        )
        return fitting.teach(course, lists, settings, lesson, rounds())

    def _goals(self, lesson: Lesson, lists: Lists, teacher: "TwoTowers | PairEncoder | None") -> "Goals":
        """What the lists are taught; the student inherits from its teacher what settings leave open."""
        from models import embedding_targets
        from models.encoders.asymmetric import TwoTowers
        from models.encoders.tower import widened

        config = self.config
        scored = embedding_targets.score_goals(lesson, lists, config.targets if config.score_weight else None)
        if teacher is None:
            return scored
        inherits, matches = config.mode == "asymmetric", config.match_weight > 0
        goals = embedding_targets.vector_goals(lesson, lists, teacher, inherits=inherits, matches=matches)
        embedding_targets.check_lengths(goals, config.similarity, f"students.{config.name}")
        if isinstance(teacher, TwoTowers):
            self.model = self.model or _start(config, teacher.queries.model)
            self.model.prompts = teacher.prompts
            self.documents = teacher.passages if inherits else None
        self.model = widened(self.model, goals.width, lesson.seed)
        return replace(goals, scores=scored.scores)

    def retriever(self, shelf: Shelf) -> "DenseRetriever":
        """Index the inherited vectors, or encode the passages; a score is an inner product, not scaled.

        Raises:
            ArtifactMissing: vectors are inherited, and the shelf has none.
        """
        from models.retrievers.dense import DenseRetriever

        encoder = self.encoder()
        if self.config.mode != "asymmetric":
            return DenseRetriever(encoder, encoder.encode_passages(shelf.texts(self.config.template)))
        if shelf.vectors is None:
            msg = (
                f"{self.config.name}: found no vectors of passages; expected those of embed_passages. Run it."
            )
            raise ArtifactMissing(msg)
        return DenseRetriever(encoder, shelf.vectors)

    def encoder(self) -> "TwoTowers":
        """Its towers, run fast."""
        from models.encoders.asymmetric import TwoTowers
        from models.encoders.text_encoder import Form, TextEncoder

        own = TextEncoder(
            self.model,
            query=Form(self.model.prompts.get("query") or "", self.config.query_max_tokens),
            passage=Form(self.model.prompts.get("document") or "", self.config.passage_max_tokens),
            precision=resolve_precision(self.config.training.precision),
        )
        return TwoTowers(own, self.documents or own)

    def save(self, folder: Path) -> None:
        """Write a folder that ``SentenceTransformer(folder)`` opens as the same model, with both towers."""
        from models.encoders.asymmetric import joined

        (joined(self.encoder()) if self.documents else self.model).save(str(folder), create_model_card=False)


def _start(config: EmbedDistillConfig, model: Any) -> Any:  # noqa: ANN401  (SentenceTransformer)
    from models.encoders.tower import tower

    lengths = {"query_max_tokens": config.query_max_tokens, "passage_max_tokens": config.passage_max_tokens}
    return tower(model, config.layers, config.similarity, **lengths)
