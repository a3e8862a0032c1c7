"""Bi-encoder: two texts become two vectors, and how near they are is the score.

    s(q, p) = γ · cos(E(q), E(p))        or        γ · E(q) · E(p)

with γ the ``score_scale``: a cosine lies in [-1, 1] and could not reach the gaps of a teacher whose logits
span twenty. Four losses train it, all on the same lists of one positive p⁺ and negatives p₁ … pₙ:

    margin_mse       mean over i of [ (s⁺ - sᵢ) - (t⁺ - tᵢ) ]²          (Hofstätter et al. 2020, 2010.02666)
    kl               Σ over the list of  τ · log(τ / σ),  τ = softmax(t),  σ = softmax(s)
    infonce          -log of the softmax share of s⁺ among all passages of the batch; no teacher
    constant_margin  mean over i of [ (s⁺ - sᵢ) - 1 ]²; no teacher

where t are the teacher's scores after ``targets``, which must make of them what the loss takes
(``models.contracts``): 1 / γ is the student's temperature, 1 over a factor the teacher's. The last two are
controls. The constant margin is sometimes told as Margin-MSE; it is not: it knows nothing of a pair but which
passage is the positive, and a gap above 1 costs as much as one below.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import Field

from models.batches import draw_lists, own_passages
from models.encoder_student import EncoderStudentConfig
from models.hardware import resolve_precision
from models.student import Lesson, Need, Shelf
from models.targets import AnyTarget, Identity, TargetChoice
from models.vector_student import VectorStudentConfig
from models.weights import fetch

if TYPE_CHECKING:
    from models.encoders.text_encoder import TextEncoder
    from models.retrievers.dense import DenseRetriever

LossName = Literal["margin_mse", "kl", "infonce", "constant_margin"]
LEARNS_FROM_ANSWERS = frozenset({"margin_mse", "kl"})


class BiEncoderConfig(EncoderStudentConfig, VectorStudentConfig):
    """A sentence-transformers model, or some layers of one, trained by one of four losses."""

    kind: Literal["bi-encoder"] = "bi-encoder"
    loss: LossName = Field(default="kl", description="The last two are controls: they need no teacher.")
    targets: TargetChoice = Field(
        default=Identity(),
        description="What is made of the teacher's scores; cosines take a factor of 20.",
    )

    @property
    def reads(self) -> frozenset[Need]:
        """The answer key, unless the loss is a control."""
        return frozenset({Need.ANSWERS} if self.loss in LEARNS_FROM_ANSWERS else ())

    def build(self, seed: int) -> "BiEncoder":
        """Cut the backbone. It starts the same for every ``seed``; what it is taught, and when, differs.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            InputError: a layer is named that the backbone does not have.
        """
        from models.encoders.sentence_model import open_model
        from models.encoders.tower import tower

        del seed
        lengths = {"query_max_tokens": self.query_max_tokens, "passage_max_tokens": self.passage_max_tokens}
        return BiEncoder(
            self, tower(open_model(fetch(self.backbone)), self.layers, self.similarity, **lengths)
        )

    def load(self, folder: Path) -> "BiEncoder":
        """Open a student that ``save`` wrote."""
        from models.encoders.sentence_model import open_model

        return BiEncoder(self, open_model(folder))

    @property
    def takes(self) -> tuple[tuple[str, AnyTarget], ...]:
        """Its loss and its targets."""
        return ((self.loss, self.targets),)


class BiEncoder:
    """The student. ``facts`` says what it had to learn from, once it has learned."""

    def __init__(self, config: BiEncoderConfig, model: Any) -> None:  # noqa: ANN401  (SentenceTransformer)
        self.config = config
        self.model = model
        self.facts: dict[str, float] = {}

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn from the lists of all train queries; give the curve.

        Raises:
            ConfigError: no query has both a positive and a mined negative.
            StageFailed: the loss is no longer a number.
        """
        from sentence_transformers import SentenceTransformerTrainingArguments

        from models import fitting, trainers
        from models.repeats import EncodeOnce

        settings, config = self.config.training, self.config
        lists = draw_lists(lesson, config.lists, settings, config.template)
        self.facts = {**lists.facts(settings), "parameters": fitting.parameters(self.model)}
        course = fitting.Course(
            model=self.model,
            loss=loss_of(config, EncodeOnce(self.model)),
            trainer=trainers.EncoderTrainer,
            arguments=SentenceTransformerTrainingArguments,
            label=lambda rows: labelled(config, rows, lesson.reference),
        )
        return fitting.teach(course, lists, settings, lesson, config.rounds(self, lesson, lists))

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


def labelled(
    config: BiEncoderConfig, rows: pl.DataFrame, reference: pl.LazyFrame | None = None
) -> pl.DataFrame:
    """Give each list what its loss is told: targets, margins of 1, or nothing.

    >>> rows = pl.DataFrame({"query_id": ["q1"], "document_ids": [["p1", "p2", "p3"]]})
    >>> control = BiEncoderConfig(name="control", loss="constant_margin", lists={"negatives": 2})
    >>> labelled(control, rows)["label"].to_list()
    [[1.0, 1.0]]
    """
    if config.loss in LEARNS_FROM_ANSWERS:
        return config.targets.apply(rows, reference)
    if config.loss == "constant_margin":
        return rows.with_columns(label=pl.lit([1.0] * (config.lists.length - 1)))
    return own_passages(rows, config.lists)


def loss_of(config: BiEncoderConfig, model: Any) -> Any:  # noqa: ANN401  (SentenceTransformer in, Module out)
    """The library's loss, on scaled scores."""
    from sentence_transformers import util
    from sentence_transformers.sentence_transformer import losses
    from torch import Tensor

    cosine = config.similarity == "cosine"
    pairwise = util.pairwise_cos_sim if cosine else util.pairwise_dot_score

    def score(queries: Tensor, passages: Tensor) -> Tensor:
        return config.score_scale * pairwise(queries, passages)

    match config.loss:
        case "margin_mse" | "constant_margin":
            return losses.MarginMSELoss(model, similarity_fct=score)
        case "kl":
            return losses.DistillKLDivLoss(model, similarity_fct=score)
        case "infonce":
            every = util.cos_sim if cosine else util.dot_score
            return losses.MultipleNegativesRankingLoss(model, scale=config.score_scale, similarity_fct=every)
