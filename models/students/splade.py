"""SPLADE: a text becomes weights of words of a vocabulary, its own and others that fit; shared words score.

    w_v(text) = max over tokens i of  log(1 + relu(x_iv)),        s(q, p) = Σ_v w_v(q) · w_v(p)

with x_iv the logits of a masked language model. Its loss has two parts, one of scores and one of sparsity:

    L = L_scores + λ_t · FLOPS(passages) + μ_t · FLOPS(queries),    FLOPS(w) = Σ_v (mean over texts of w_v)²

    score_mse   mean of ( a · s + b - t )², a and b from the first step (``models.losses.score_regression``)
    margin_mse  mean over i of [ (s⁺ - sᵢ) - (t⁺ - tᵢ) ]²
    kl          Σ over the list of  τ · log(τ / σ),  τ = softmax(t),  σ = softmax(γ · s)
    infonce     -log of the softmax share of γ · s⁺ among all passages of the batch; no teacher

where t are the teacher's scores after ``targets`` and λ_t, μ_t rise to λ and μ over the first T steps, as
(step / T)². With ``max_active_terms`` λ follows the number of terms (``models.losses.term_budget``); what is
left of the gap when training ends is closed by a shift of all logits, fitted on passages
(``models.encoders.term_threshold``), and ``facts`` tells the number before and after.
Source: Formal et al. 2021, https://arxiv.org/abs/2109.10086
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from models.batches import Lists, draw_lists, own_passages
from models.encoder_student import EncoderStudentConfig
from models.hardware import resolve_precision
from models.scales import ScaleName
from models.student import Lesson, Need, Shelf
from models.targets import AnyTarget, Identity, TargetChoice
from models.teacher import PairTexts, Teacher
from models.weights import fetch

if TYPE_CHECKING:
    from models.encoders.term_encoder import TermEncoder
    from models.retrievers.sparse import SparseRetriever

LossName = Literal["score_mse", "margin_mse", "kl", "infonce"]
# Passages of the lists on which a head is begun, and on which the budget is met at the end.
BEGIN_PASSAGES = 256
BUDGET_PASSAGES = 1024


class SpladeConfig(EncoderStudentConfig):
    """One weight per word of the vocabulary, from a masked language model or some layers of one."""

    kind: Literal["splade"] = "splade"
    loss: LossName = Field(default="kl", description="The last is a control: it needs no teacher.")
    score_scale: PositiveFloat = Field(
        default=1.0, description="Times the scores in kl and infonce: 1 / temperature."
    )
    calibrate: bool = Field(
        default=True,
        description="score_mse: fit unit and zero of the scores in the first step; off where targets are in "
        "the student's own unit.",
    )
    targets: TargetChoice = Field(
        default=Identity(),
        description="What is made of the teacher's scores; cosines take a factor of 20.",
    )
    query_flops_weight: NonNegativeFloat = Field(default=0.1, description="μ")
    passage_flops_weight: PositiveFloat = Field(
        default=0.08, description="λ, or where it starts if there is a budget."
    )
    ramp_share: float = Field(
        default=1 / 3, ge=0, le=1, description="T, as a share of the steps: 50k of 150k in SPLADE v2."
    )
    max_active_terms: PositiveInt | None = Field(
        default=None, description="Mean number of words of a passage to end with; None: what λ leads to."
    )
    start_terms: PositiveInt | None = Field(
        default=None,
        description="Words of a passage to start with, if the backbone has no head; None: twice the budget, "
        "or 400.",
    )

    @property
    def reads(self) -> frozenset[Need]:
        """The answer key, unless the loss is a control."""
        return frozenset({Need.ANSWERS} if self.loss != "infonce" else ())

    @property
    def takes(self) -> tuple[tuple[str, AnyTarget], ...]:
        """Its loss and its targets."""
        return ((self.loss, self.targets),)

    @property
    def scale(self) -> ScaleName:
        """Inner products."""
        return "inner_product"

    def build(self, seed: int) -> "Splade":
        """Cut the backbone and, if it has no head, begin one; alike for every ``seed``.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            InputError: it lacks weights, or a layer that is named.
        """
        from models.encoders.term_head import start_term_model

        del seed
        model, begun = start_term_model(
            fetch(self.backbone),
            self.layers,
            query_max_tokens=self.query_max_tokens,
            passage_max_tokens=self.passage_max_tokens,
        )
        return Splade(self, model, begun=begun)

    def load(self, folder: Path) -> "Splade":
        """Open a student that ``save`` wrote."""
        from models.encoders.term_head import open_term_model

        return Splade(self, open_term_model(folder))

    def as_teacher(self, folder: Path, texts: PairTexts) -> Teacher | None:
        """Score pairs by inner products of term weights."""
        from models.teachers.term_teacher import TermTeacher

        return TermTeacher(self.load(folder).encoder(), texts.queries, texts.passages)


class Splade:
    """The student. ``facts`` says what it had to learn from, once it has learned."""

    def __init__(self, config: SpladeConfig, model: Any, *, begun: bool = False) -> None:  # noqa: ANN401
        """Take a SparseEncoder, whose head was ``begun`` from nothing or came with it."""
        self.config = config
        self.model = model
        self.facts: dict[str, float] = {}
        self._begun = begun

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn from the lists of all train queries; give the curve.

        Raises:
            ConfigError: no query has both a positive and a mined negative.
            StageFailed: the loss is no longer a number.
        """
        from sentence_transformers import SparseEncoderTrainingArguments

        from models import fitting, trainers
        from models.losses.splade_loss import splade_loss
        from models.losses.term_budget import BudgetRamp

        config, settings = self.config, self.config.training
        lists = draw_lists(lesson, config.lists, settings, config.template)
        self.facts = {**lists.facts(settings), "parameters": fitting.parameters(self.model)}
        self._begin_head(lists)
        loss = splade_loss(
            self.model,
            config.loss,
            score_scale=config.score_scale,
            calibrate=config.calibrate,
            query_flops_weight=config.query_flops_weight,
            passage_flops_weight=config.passage_flops_weight,
        )
        ramp_steps = round(config.ramp_share * settings.steps(lists.rows.height))
        course = fitting.Course(
            model=self.model,
            loss=loss,
            trainer=trainers.TermTrainer,
            arguments=SparseEncoderTrainingArguments,
            label=lambda rows: labelled(config, rows, lesson.reference),
            callbacks=[BudgetRamp(loss, ramp_steps, config.max_active_terms)],
        )
        curve = fitting.teach(course, lists, settings, lesson, config.rounds(self, lesson, lists))
        self._tell(loss)
        self._meet_budget(lists)
        return curve

    def _begin_head(self, lists: Lists) -> None:
        from models.encoders.term_threshold import begin

        started = time.perf_counter()
        if self._begun:
            passages = lists.documents["text"].head(BEGIN_PASSAGES).to_list()
            config = self.config
            begin(self.encoder(), passages, config.start_terms or 2 * (config.max_active_terms or 200))
        self.facts |= {"head_begun": float(self._begun), "head_s": round(time.perf_counter() - started, 2)}

    def _tell(self, loss: Any) -> None:  # noqa: ANN401  (BudgetedSplade)
        self.facts["passage_flops_weight"] = loss.document_regularizer_weight
        if self.config.loss == "score_mse":
            self.facts |= {"calibration_slope": loss.loss.slope, "calibration_offset": loss.loss.offset}

    def _meet_budget(self, lists: Lists) -> None:
        from models.encoders.term_threshold import meet

        budget = self.config.max_active_terms
        if budget is not None:
            passages = lists.documents["text"].head(BUDGET_PASSAGES).to_list()
            before, after = meet(self.encoder(), passages, budget)
            self.facts |= {"terms_before_shift": before, "terms_after_shift": after}

    def retriever(self, shelf: Shelf) -> "SparseRetriever":
        """Encode the passages; a score is the inner product of term weights."""
        from models.retrievers.sparse import SparseRetriever

        encoder = self.encoder()
        return SparseRetriever(encoder, encoder.encode_passages(shelf.texts(self.config.template)))

    def encoder(self) -> "TermEncoder":
        """The model, run fast."""
        from models.encoders.term_encoder import TermEncoder

        config = self.config
        precision = resolve_precision(config.training.precision)
        return TermEncoder(self.model, config.query_max_tokens, config.passage_max_tokens, precision)

    def save(self, folder: Path) -> None:
        """Write a folder that ``SparseEncoder(folder)`` opens as the same model."""
        self.model.save(str(folder), create_model_card=False)


def labelled(config: SpladeConfig, rows: pl.DataFrame, reference: pl.LazyFrame | None = None) -> pl.DataFrame:
    """Give each list what its loss is told: targets, or nothing."""
    if config.loss != "infonce":
        return config.targets.apply(rows, reference)
    return own_passages(rows, config.lists)
