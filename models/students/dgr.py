"""DGR: a model that writes identifiers learns the order that a teacher gives to what it retrieves itself.

    L = R(s, the teacher's order) / m_base  +  λ · L_gen

Another student that writes identifiers, its ``base``, retrieves for the train queries; the teacher re-ranks
what it found; then the base's weights are trained so that its score of a passage, the sum of what its keys
weigh, follows that order (``models.rank_distillation`` has the losses, ``models.rank_lists`` the lists).
Retrieval stays the base's: the same index, constraint, keys and scores, with other weights.

The teacher may be any that scores pairs: a cross-encoder, an encoder of single texts, BM25, or another
student that writes. ``loss = "ltrgr"`` is the control: the same lists with a margin between the answer and
all else, and no teacher.

Failure signs: ``distillation_share`` of the loss near 1 while ``valid_identifiers`` falls: it forgets how to
write. ``teacher_contradicts_labels``, the share of lists in which the teacher puts another passage above the
answer, which the loss puts first all the same.
Source: Li et al. 2024, "Distillation Enhanced Generative Retrieval", https://arxiv.org/abs/2402.10769.
Differs: margins are in the unit of the base's scores by a rule (``models.losses.rank_margins``), and the
query's view has keys and rows like the others.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pydantic import Field, NonNegativeFloat, PositiveFloat

from data.errors import ConfigError
from models.rank_lists import RankList, RankListSettings
from models.settings import Name, runtime
from models.student import Lesson, Need, Shelf
from models.training import OneTaskTraining, TrainingConfig
from models.writing_student import WritingStudentConfig, index_of

if TYPE_CHECKING:
    from models.generative import Generative
    from models.rank_distillation import RankTerms
    from models.retrievers.generative import GenerativeRetriever


class DgrConfig(WritingStudentConfig):
    """Which student it starts from, what lists it learns, and how they are compared with the teacher's."""

    kind: Literal["dgr"] = "dgr"
    # What the base is enters the address by its weights.
    base: Name = Field(
        json_schema_extra={"cache": False},
        description="The student it starts from: one that writes identifiers, kind minder or dgr.",
    )
    loss: Literal["distilled_ranknet", "ltrgr", "list_net", "kl", "list_mle", "lambda_loss"] = Field(
        default="distilled_ranknet", description="How lists are compared; ltrgr is without a teacher."
    )
    base_margin: PositiveFloat | None = Field(
        default=None,
        description="Between neighbours of a list, in units of the base's score, where DGR has 300; None: as "
        "large as the base's median gap between the best and the last of a list.",
    )
    gap_margin: NonNegativeFloat | None = Field(
        default=None,
        description="What each further place adds; DGR's 100. None: a third of base_margin.",
    )
    first_weight: PositiveFloat = Field(
        default=3.0, description="Of the pairs with the answer, in distilled_ranknet; DGR's 3."
    )
    normalisation: Literal["z", "min_max"] = Field(
        default="z", description="Of both sides' lists in the list-wise losses, which margins do not scale."
    )
    temperature: PositiveFloat = Field(default=1.0, description="Under normalised lists of both sides.")
    generation_weight: NonNegativeFloat = Field(
        default=5 / 3, description="λ; DGR's 500, divided by its margin as the rank loss is here."
    )
    lists: RankListSettings = RankListSettings()
    recompute: bool = runtime(
        default=True, description="Compute the decoder again for the gradient: long lists fit in memory."
    )
    training: OneTaskTraining = TrainingConfig(epochs=3, batch_size=4, learning_rate=1e-5, weight_decay=0.0)

    @property
    def learns_from_teacher(self) -> bool:
        """Whether there is a teacher: not in the control."""
        return self.loss != "ltrgr"

    @property
    def needs(self) -> frozenset[Need]:
        """The index; and, but for the control, the answer key and whom to ask what it lacks."""
        taught = {Need.ANSWERS, Need.SCORER} if self.learns_from_teacher else set[Need]()
        return frozenset({Need.IDENTIFIERS, *taught})

    @property
    def builds_on(self) -> Name | None:
        """Its base."""
        return self.base

    def terms(self, lists: list[RankList]) -> "RankTerms":
        """The loss, with margins in the unit of the lists' scores unless they are given.

        Raises:
            ConfigError: the loss needs a teacher, and there is none; or the lists have no scale.
        """
        from models.losses.rank_margins import PLACES_TO_DOUBLE, rank_margins
        from models.rank_distillation import RankTerms

        if self.learns_from_teacher and any(one.teacher is None for one in lists):
            raise ConfigError(
                where=f"students.{self.name}.loss",
                found=f"{self.loss!r} without a teacher's answers",
                expected="a teacher that orders the lists",
                advice='Give the student a teacher, or set loss = "ltrgr", which needs none.',
            )
        base = self.base_margin or rank_margins([one.scores for one in lists], self.lists.length)[0]
        return RankTerms(
            loss=self.loss,
            base_margin=base,
            gap_margin=base / PLACES_TO_DOUBLE if self.gap_margin is None else self.gap_margin,
            first_weight=self.first_weight,
            normalisation=self.normalisation,
            temperature=self.temperature,
            generation_weight=self.generation_weight,
            recompute=self.recompute,
        )

    def build(self, seed: int) -> "Dgr":
        """Make a student that starts when it meets its base."""
        del seed
        return Dgr(self)

    def load(self, folder: Path) -> "Dgr":
        """Open a student that ``save`` wrote."""
        from models.generative import Generative

        return Dgr(self, Generative.load(folder))


class Dgr:
    """The student. ``generative`` is the base's, with its own weights once it has learned."""

    def __init__(self, config: DgrConfig, generative: "Generative | None" = None) -> None:
        self.config = config
        self._generative = generative
        self.facts: dict[str, float] = {}

    @property
    def generative(self) -> "Generative":
        """What it is once it has met its base.

        Raises:
            ConfigError: it has not.
        """
        if self._generative is None:
            raise ConfigError(
                where=f"students.{self.config.name}.base",
                found="a student that has not met its base",
                expected=f"the trained student {self.config.base!r} to start from",
                advice="Train it first.",
            )
        return self._generative

    @property
    def model(self) -> Any:  # noqa: ANN401  (a model of transformers)
        """The weights."""
        return self.generative.model.model

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn the teacher's order of what the base retrieves; give the curve.

        Raises:
            ConfigError: there is no base that writes, no index, no teacher where one is needed, or no list.
            StageFailed: the loss is no longer a number.
        """
        from models.generative import HEADER, Generative, let_words_learn
        from models.rank_course import learn_ranking

        if lesson.base is None or not (lesson.base.folder / HEADER).exists():
            raise ConfigError(
                where=f"students.{self.config.name}.base",
                found="no base"
                if lesson.base is None
                else f"{self.config.base!r}, which writes no identifiers",
                expected="a student that does",
                advice="Name one of kind minder or dgr.",
            )
        self._generative = Generative.load(lesson.base.folder)
        let_words_learn(self._generative.model, learn=self.config.train_words)
        settings, training, terms = self.config.lists, self.config.training, self.config.terms
        curve, self.facts = learn_ranking(self.generative, lesson, settings, training, terms)
        return curve

    def retriever(self, shelf: Shelf) -> "GenerativeRetriever":
        """Search as the base does, with these weights; nothing is computed of the passages.

        Raises:
            ConfigError: the shelf has no index, or one of other tokens than the model's.
        """
        return self.generative.retriever(index_of(shelf.identifiers))

    def save(self, folder: Path) -> None:
        """Write a folder as the base's; nothing before it has met its base."""
        if self._generative is not None:
            self._generative.save(folder)
