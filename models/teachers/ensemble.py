"""Several teachers as one: their scores are blended.

Its answers are a view of its members' (stage ``blend_answers``), for which nobody is asked again;
``models.blending`` has the rules. About pairs outside the answer key its members are asked, and what they
say is blended alike. Members are named, and stand before the ensemble in the configuration; a member may be
an ensemble itself.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, model_validator

from models.blending import AnyBlend, BlendChoice, Fitted, MinMaxMean, blend
from models.known_pairs import knows
from models.retriever import Rows, Scores
from models.scales import ScaleName
from models.scoring_time import scoring_seconds
from models.settings import Name
from models.teacher import Teacher, TeacherConfig

# The frames that a rule is computed in are many times larger than the scores.
QUERIES_AT_ONCE = 1024


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

    @model_validator(mode="after")
    def _check_template(self) -> "EnsembleConfig":
        if self.template != TeacherConfig.model_fields["template"].default:
            msg = (
                f"template: found {self.template!r}; expected none, for an ensemble reads no text. "
                f"Set the templates of its members: {', '.join(self.members)}"
            )
            raise ValueError(msg)
        return self

    @property
    def is_stored(self) -> bool:
        """No: a score depends on the other pairs of its query, and those of the members are stored."""
        return False

    @property
    def can_be_probed(self) -> bool:
        """No: its members can."""
        return False

    @property
    def asks(self) -> tuple[str, ...]:
        """Its members."""
        return self.members

    @property
    def is_fitted(self) -> bool:
        """As its rule."""
        return isinstance(self.blend, Fitted)

    def over(self, teachers: Mapping[str, Teacher], fitted: Path | None) -> "EnsembleTeacher":
        """Blend what its members say.

        Args:
            teachers: at least its members, by name.
            fitted: the part ``FITTED`` of its answers, where weights are fitted.
        """
        weights = read_weights(fitted, self.members) if fitted else None
        return EnsembleTeacher({name: teachers[name] for name in self.members}, self.blend, weights)


def write_weights(path: Path, members: Sequence[str], weights: Mapping[str, float]) -> None:
    """Keep fitted weights in the order of the members: what a member is called decides nothing."""
    path.write_text(json.dumps([weights[name] for name in members]), encoding="utf-8")


def read_weights(path: Path, members: Sequence[str]) -> dict[str, float]:
    """Fitted weights, by the names of the members."""
    return dict(zip(members, json.loads(path.read_text(encoding="utf-8")), strict=True))


class EnsembleTeacher:
    """Opened members that score the same pairs, for re-ranking.

    What a rule takes of a query (ranks, range, mean and spread) it takes of the pairs of one call: a call
    must hold all passages of its queries that are to be compared, and a pair's score depends on them.
    """

    def __init__(
        self, members: Mapping[str, Teacher], rule: AnyBlend, weights: Mapping[str, float] | None = None
    ) -> None:
        self.members = members
        self.rule = rule
        self.weights = weights
        self._asked = 0
        self._measured_s = dict.fromkeys(members, 0.0)

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Blended score of each pair; passages of equal score rank by row, which is by pid."""
        if not len(query_rows):
            return np.zeros(0, dtype=np.float32)
        width = int(passage_rows.max()) + 1
        pairs, place = np.unique(query_rows * width + passage_rows, return_inverse=True)
        queries, passages = np.divmod(pairs, width)
        scores = {name: self._ask(name, queries, passages) for name in self.members}
        self._asked += len(pairs)
        found = np.empty(len(pairs), dtype=np.float32)
        for some in blocks(queries):
            told = {name: each[some] for name, each in scores.items()}
            found[some] = self._blend(queries[some], passages[some], told)
        return found[place]

    def _ask(self, name: str, query_rows: Rows, passage_rows: Rows) -> Scores:
        started = time.perf_counter()
        scores = self.members[name].score(query_rows, passage_rows)
        self._measured_s[name] += time.perf_counter() - started
        return scores

    def _blend(self, query_rows: Rows, passage_rows: Rows, scores: Mapping[str, Scores]) -> Scores:
        named = pl.DataFrame({"qid": query_rows, "pid": passage_rows})
        rows = [
            named.with_columns(pl.Series("score", each), teacher=pl.lit(name))
            for name, each in scores.items()
        ]
        return blend(pl.concat(rows), list(self.members), self.rule, self.weights)["score"].to_numpy()

    def knows(self, query_rows: Rows, passage_rows: Rows) -> npt.NDArray[np.bool_]:
        """Which pairs all members know."""
        known = [knows(member, query_rows, passage_rows) for member in self.members.values()]
        return np.logical_and.reduce(known)

    def seconds(self, pairs: int) -> float | None:
        """How long its members take, one after another; None if that cannot be told of one of them."""
        share = pairs / max(self._asked, 1)
        taken = [
            scoring_seconds(member, pairs, self._measured_s[name] * share)
            for name, member in self.members.items()
        ]
        told = [each for each in taken if each is not None]
        return sum(told, 0.0) if len(told) == len(taken) else None

    def facts(self) -> dict[str, str]:
        """The rule."""
        return {"blend": self.rule.kind}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing was chosen by measuring."""


def blocks(query_rows: Rows, size: int = QUERIES_AT_ONCE) -> Iterator[slice]:
    """Pairs of whole queries, ``size`` queries at a time; ``query_rows`` is sorted.

    >>> list(blocks(np.array([0, 0, 3, 7]), size=2))
    [slice(0, 3, None), slice(3, 4, None)]
    """
    starts = np.flatnonzero(np.diff(query_rows, prepend=-1))[::size].tolist()
    yield from map(slice, starts, [*starts[1:], len(query_rows)])
