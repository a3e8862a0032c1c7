"""ColBERT: each token of a query looks for its best match among those of a passage, and the matches add up.

    s(q, p) = Σ_{i ∈ q} max_{j ∈ p} e_i · e_j,    e of length 1

Queries are padded with [MASK] to ``query_max_tokens``, and what stands there is scored, too; marks of
punctuation in passages are not. So scores lie between -m and m, for m tokens of a query. Three losses:

    pairwise   mean over all pairs of a list of [ (s_i - s_j) - (t_i - t_j) ]²
    kl         T² · Σ over the list of  τ · log(τ / σ),  τ = softmax(t / T'),  σ = softmax(s / T)
    infonce    -log of the softmax share of s⁺ / T among all passages of the batch; no teacher

where t are the teacher's scores after ``targets``, T is ``student_temperature`` and T' is
``teacher_temperature``. Where ``token_matching`` is its weight, a second term compares each token's vector
with that of a deeper ColBERT of the same tokens; with ``start_from_teacher`` the student is cut from that
model's layers: self-distillation (``models.self_distillation``).
Source: Khattab, Zaharia 2020, https://arxiv.org/abs/2004.12832; for the loss kl Santhanam et al. 2022
(ColBERTv2), https://arxiv.org/abs/2112.01488
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from models.batches import Lists, draw_lists, own_passages
from models.encoder_student import EncoderStudentConfig
from models.hardware import resolve_precision
from models.retrievers.late_interaction import LateInteractionConfig, LateInteractionRetriever
from models.scales import ScaleName
from models.student import Lesson, Need, Shelf
from models.targets import AnyTarget, Identity, TargetChoice
from models.teacher import PairTexts, Teacher
from models.weights import fetch

if TYPE_CHECKING:
    from models.encoders.token_encoder import TokenEncoder

LossName = Literal["pairwise", "kl", "infonce"]
# Queries and passages whose tokens choose the projection, and on which two tokenizers must agree.
START_TEXTS = 64


class ColbertConfig(EncoderStudentConfig):
    """One vector per token, from a sentence-transformers model or some layers of one."""

    kind: Literal["colbert"] = "colbert"
    loss: LossName = Field(default="kl", description="The last is a control: it needs no teacher.")
    width: PositiveInt | None = Field(
        default=None,
        description="Of a token's vector; ColBERT's is 128. None: that of the backbone's states, for a "
        "projection costs more in a short training than it learns.",
    )
    skip_punctuation: bool = Field(
        default=True, description="Leave marks of punctuation in passages out of the score, as ColBERT."
    )
    student_temperature: PositiveFloat = Field(
        default=1.0, description="Divides the student's scores in kl and infonce."
    )
    teacher_temperature: PositiveFloat = Field(
        default=1.0, description="Divides the teacher's scores in kl, after targets."
    )
    targets: TargetChoice = Field(
        default=Identity(),
        description="What is made of the teacher's scores; cosines take a factor of 20.",
    )
    token_matching: NonNegativeFloat = Field(
        default=0.0, description="Weight of the distance from the tokens of the teacher, itself a ColBERT."
    )
    matched_passages: PositiveInt = Field(
        default=16, description="Passages of a step whose tokens are matched; its queries all are."
    )
    start_from_teacher: bool = Field(
        default=False,
        description="Start from the teacher's weights, cut to ``layers``; no backbone, no width.",
    )
    search: LateInteractionConfig = LateInteractionConfig()

    @property
    def reads(self) -> frozenset[Need]:
        """The answer key, unless the loss is a control; the teacher itself for self-distillation."""
        scores = {Need.ANSWERS} if self.loss != "infonce" else set[Need]()
        opened = {Need.TEACHER} if self.token_matching or self.start_from_teacher else set[Need]()
        return frozenset(scores | opened)

    @property
    def takes(self) -> tuple[tuple[str, AnyTarget], ...]:
        """Its loss and its targets."""
        return ((self.loss, self.targets),)

    @property
    def scale(self) -> ScaleName:
        """Sums of cosines."""
        return "inner_product"

    def build(self, seed: int) -> "Colbert":
        """Cut the backbone, alike for every ``seed``; a student cut from its teacher has no model yet.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            InputError: a layer is named that the backbone does not have.
        """
        from models.encoders.token_model import start_token_model

        del seed
        if self.start_from_teacher:
            return Colbert(self, None)
        model = start_token_model(
            fetch(self.backbone),
            self.layers,
            self.width,
            query_max_tokens=self.query_max_tokens,
            passage_max_tokens=self.passage_max_tokens,
            skip_punctuation=self.skip_punctuation,
        )
        return Colbert(self, model)

    def load(self, folder: Path) -> "Colbert":
        """Open a student that ``save`` wrote."""
        from models.encoders.token_model import open_token_model

        return Colbert(self, open_token_model(folder))

    def as_teacher(self, folder: Path, texts: PairTexts) -> Teacher | None:
        """Score pairs by late interaction."""
        from models.teachers.late_interaction import LateInteractionTeacher

        return LateInteractionTeacher(self.load(folder).encoder(), texts.queries, texts.passages)


class Colbert:
    """The student. ``facts`` says what it had to learn from, once it has learned."""

    def __init__(self, config: ColbertConfig, model: Any) -> None:  # noqa: ANN401  (MultiVectorEncoder)
        self.config = config
        self.model = model
        self.facts: dict[str, float] = {}

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn from the lists of all train queries; give the curve.

        Raises:
            ConfigError: no query has both a positive and a mined negative; or the teacher is to be matched
                token by token, and is no ColBERT, or cuts texts into other tokens.
            InputError: a layer is named that the teacher does not have.
            StageFailed: the loss is no longer a number.
        """
        from sentence_transformers import MultiVectorEncoderTrainingArguments

        from models import fitting, trainers

        config, settings = self.config, self.config.training
        lists = draw_lists(lesson, config.lists, settings, config.template)
        teacher = self._start(lesson, lists)
        self.facts = {**lists.facts(settings), "parameters": fitting.parameters(self.model)}
        course = fitting.Course(
            model=self.model,
            loss=loss_of(config, self.model, teacher, lesson.seed),
            trainer=trainers.TokenTrainer,
            arguments=MultiVectorEncoderTrainingArguments,
            label=lambda rows: labelled(config, rows, lesson.reference),
        )
        return fitting.teach(course, lists, settings, lesson, config.rounds(self, lesson, lists))

    def _start(self, lesson: Lesson, lists: Lists) -> Any:  # noqa: ANN401  (MultiVectorEncoder)
        """Give the model what it starts from besides its backbone; open the teacher, if it is looked into."""
        from models.encoders.token_model import cut_copy, fit_projection
        from models.self_distillation import check_tokens, open_deep_model

        config = self.config
        queries, passages = (
            each["text"].head(START_TEXTS).to_list() for each in (lists.queries, lists.documents)
        )
        teacher = open_deep_model(lesson) if Need.TEACHER in config.reads else None
        if teacher is not None and config.start_from_teacher:
            self.model = cut_copy(teacher, config.layers, config.query_max_tokens, config.passage_max_tokens)
        else:
            fit_projection(self.model, queries, passages)
        if teacher is not None:
            check_tokens(self.model, teacher, queries + passages)
        return teacher

    def retriever(self, shelf: Shelf) -> LateInteractionRetriever:
        """Encode the passages; a score is a sum of cosines."""
        encoder = self.encoder()
        passages = encoder.encode_passages(shelf.texts(self.config.template))
        return LateInteractionRetriever(
            encoder.encode_queries, passages, self.config.search, encoder.parameters
        )

    def encoder(self) -> "TokenEncoder":
        """The model, run fast."""
        from models.encoders.token_encoder import TokenEncoder

        return TokenEncoder(self.model, resolve_precision(self.config.training.precision))

    def save(self, folder: Path) -> None:
        """Write a folder that ``MultiVectorEncoder(folder)`` opens as the same model."""
        self.model.save(str(folder), create_model_card=False)


def labelled(
    config: ColbertConfig, rows: pl.DataFrame, reference: pl.LazyFrame | None = None
) -> pl.DataFrame:
    """Give each list what its loss is told: targets, or nothing."""
    if config.loss != "infonce":
        return config.targets.apply(rows, reference)
    return own_passages(rows, config.lists)


def loss_of(
    config: ColbertConfig,
    model: Any,  # noqa: ANN401  (MultiVectorEncoder)
    teacher: Any = None,  # noqa: ANN401  (MultiVectorEncoder)
    seed: int = 0,
) -> Any:  # noqa: ANN401  (Module)
    """The loss of scores, and the term of tokens beside it if it has a weight."""
    from models.losses.late_interaction import score_loss
    from models.self_distillation import SelfDistillation
    from models.token_repeats import EncodeTokensOnce

    encoder = EncodeTokensOnce(model)
    loss = score_loss(
        config.loss,
        encoder,
        student_temperature=config.student_temperature,
        teacher_temperature=config.teacher_temperature,
    )
    if not config.token_matching:
        return loss
    return SelfDistillation(
        loss, encoder, teacher, weight=config.token_matching, passages=config.matched_passages, seed=seed
    )
