"""What a teacher is: pairs of texts in, raw logits out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import Field

from data.errors import ConfigError
from models.asked import Asked
from models.retriever import Rows
from models.scales import ScaleName
from models.settings import Name, Settings


@dataclass(frozen=True)
class PairTexts:
    """The texts of the pairs that a student is to score, where it teaches in its turn.

    ``queries`` are those that ``query_rows`` will count, ``passages`` those that ``passage_rows`` will;
    ``identifiers`` is the folder of the index of all passages, in their order, for one that finds with it.
    """

    queries: Sequence[str]
    passages: Sequence[str]
    identifiers: Path | None = None


@runtime_checkable
class Teacher(Protocol):
    """A loaded teacher that knows the texts of a collection."""

    def score(self, query_rows: Rows, passage_rows: Rows) -> npt.NDArray[np.float32]:
        """Raw logit of each pair (queries[query_rows[i]], passages[passage_rows[i]]), higher is better."""
        ...

    def facts(self) -> dict[str, str]:
        """How pairs are scored, where that was chosen here and not by the settings."""
        ...

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Choose what an earlier process chose (its ``facts``), so that scores do not depend on the run."""
        ...


class TeacherConfig(Settings):
    """Settings every teacher shares; its ``name`` is the ``teacher`` of answers."""

    name: Name
    template: str = "{title} {text}"
    # No score depends on what else was asked: this is part of the address of answers, not of a teacher.
    asked: Asked = Field(
        default=Asked(), json_schema_extra={"cache": False}, description="Which pairs it answers."
    )
    on_gate_failure: Literal["stop", "warn"] | None = Field(
        default=None,
        json_schema_extra={"cache": False},
        description="None: as [gate] says, and a warning only where no student learns from it.",
    )

    @property
    def is_trained(self) -> bool:
        """Whether train_teacher makes its weights from judgements and mined negatives."""
        return False

    @property
    def is_stored(self) -> bool:
        """Whether a score depends on its two texts alone, so that it may be kept and found by them."""
        return True

    @property
    def scored_by(self) -> tuple[str, ...]:
        """Modules whose change voids stored scores; empty: whatever the teacher imports."""
        return ()

    @property
    def scale(self) -> ScaleName:
        """What its scores are measured in: losses take some scales and not others (``models.contracts``)."""
        return "unknown"

    @property
    def can_be_probed(self) -> bool:
        """Whether ``load`` opens it, from texts and weights alone: then any texts can be put to it."""
        return True

    @property
    def needs_identifiers(self) -> bool:
        """Whether it scores by the index of what the passages are called."""
        return False

    def with_identifiers(self, folder: Path | None) -> "TeacherConfig":
        """The same, told where the index is; a teacher that does not need it is as it was."""
        del folder
        return self

    @property
    def asks(self) -> tuple[str, ...]:
        """Names of the teachers that it asks; none for one that scores by itself."""
        return ()

    @property
    def is_fitted(self) -> bool:
        """Whether blend_answers fits how much each teacher counts that it asks."""
        return False

    def over(self, teachers: Mapping[str, Teacher], fitted: Path | None) -> Teacher | None:
        """Open a teacher that asks others; None for all that score by themselves.

        Args:
            teachers: those that it asks, by name, and perhaps more.
            fitted: what blend_answers fitted, if it did.
        """
        del teachers, fitted
        return None

    def by_name(self, qids: Sequence[str], pids: Sequence[str], *, strict: bool = True) -> Teacher | None:
        """Open a teacher that knows pairs by their names and needs no text; None for all others.

        Args:
            qids: of the queries that ``query_rows`` will count.
            pids: of the passages that ``passage_rows`` will count.
            strict: refuse names of which it knows no pair at all.
        """
        del qids, pids, strict
        return None

    def model_of(self, weights: Path | None) -> Any:  # noqa: ANN401  (each kind has its own class of model)
        """Open the model itself, for a student that looks into it: states, attention, token vectors.

        Raises:
            ConfigError: there is no model to look into.
        """
        del weights
        raise ConfigError(
            where=f"teachers.{self.name}",
            found="a teacher without a model to look into",
            expected="one whose states the student can read",
            advice="Give the student another teacher, or settings that need scores only.",
        )

    def load(self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]) -> Teacher:
        """Load the teacher. ``weights`` is the trained folder, None for a teacher that is given.

        Raises:
            ConfigError: it cannot be probed.
        """
        del weights, queries, passages
        raise ConfigError(
            where=f"teachers.{self.name}",
            found="a teacher that texts alone do not open",
            expected="one with a model of its own",
            advice="Open it by opened_teachers.open_any, with the names of its pairs and those that it asks.",
        )
