"""Several teachers as one: their answers are blended, and nobody is asked again.

Its answers are a view of its members' (stage ``blend_answers``); ``models.blending`` has the rules. Members
are named, and stand before the ensemble in the configuration; a member may be an ensemble itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from data.errors import ConfigError
from models.blending import AnyBlend, BlendChoice, MinMaxMean, blend
from models.retriever import Rows, Scores
from models.scales import ScaleName
from models.settings import Name
from models.teacher import Teacher, TeacherConfig


class EnsembleConfig(TeacherConfig):
    """Names of teachers, and how their scores become one."""

    kind: Literal["ensemble"] = "ensemble"
    members: tuple[Name, ...] = Field(min_length=2, description="Teachers that stand before it.")
    blend: BlendChoice = MinMaxMean()

    @model_validator(mode="after")
    def _check_members(self) -> "EnsembleConfig":
        repeated = sorted({name for name in self.members if self.members.count(name) > 1})
        if repeated or self.name in self.members:
            found = f"{repeated[0]!r} twice" if repeated else f"{self.name!r} as a member of itself"
            msg = f"members: found {found}; expected the names of two other teachers or more, each once"
            raise ValueError(msg)
        undeclared: list[ScaleName] = ["unknown" for _ in self.members]
        if problem := self.blend.problem(self.members, undeclared):
            msg = f"blend: {problem}"
            raise ValueError(msg)
        return self

    @property
    def is_stored(self) -> bool:
        """No: a score depends on the other pairs of its query, and those of the members are stored."""
        return False

    @property
    def can_be_asked(self) -> bool:
        """No: its members can."""
        return False

    def load(self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]) -> Teacher:
        """Refuse: there is nothing to load but the members.

        Raises:
            ConfigError: always.
        """
        del weights, queries, passages
        raise ConfigError(
            where=f"teachers.{self.name}",
            found="an ensemble where one teacher is loaded",
            expected=f"its members: {', '.join(self.members)}",
            advice="Blend their answers by blend_answers, or load them into an EnsembleTeacher.",
        )


class EnsembleTeacher:
    """Loaded members that score the same pairs, for re-ranking.

    What a rule takes of a query (ranks, range, mean and spread) it takes of the pairs of one call: a call
    must hold all passages of its queries that are to be compared, and a pair's score depends on them.
    """

    def __init__(
        self, members: Mapping[str, Teacher], rule: AnyBlend, weights: Mapping[str, float] | None = None
    ) -> None:
        self.members = members
        self.rule = rule
        self.weights = weights

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Blended score of each pair; passages of equal score rank by row, which is by pid."""
        if not len(query_rows):
            return np.zeros(0, dtype=np.float32)
        asked = np.stack([query_rows, passage_rows], axis=1)
        pairs, place = np.unique(asked, axis=0, return_inverse=True)
        rows = [
            pl.DataFrame(
                {
                    "qid": pairs[:, 0],
                    "pid": pairs[:, 1],
                    "score": member.score(pairs[:, 0], pairs[:, 1]),
                }
            ).with_columns(teacher=pl.lit(name))
            for name, member in self.members.items()
        ]
        blended = blend(pl.concat(rows), list(self.members), self.rule, self.weights)
        return blended["score"].to_numpy()[place]

    def facts(self) -> dict[str, str]:
        """The rule."""
        return {"blend": self.rule.kind}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing was chosen by measuring."""
