"""Online distillation: the student mines with its own index as it learns, and the teacher answers.

    every R steps:   candidates(q) = the student's own best passages for q, of all
                     teacher's answers to them: those in the key, and of what is new the teacher is asked

A static key holds the mistakes of the miners; those that the student makes by now it may lack. What the
teacher says of new pairs is stored as all its answers are: the next run, and the next student, ask nothing.
Published forms: Zhang et al. 2022 (AR2, 2110.03611), Xiong et al. 2021 (ANCE, 2007.00808), without a teacher.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl
from pydantic import Field, PositiveInt

from data.errors import ConfigError
from models.asking import ask
from models.batches import Lists, ListSettings, draw_lists
from models.retriever import Hits
from models.settings import Settings
from models.student import Lesson, Shelf, Student
from models.training import TrainingConfig

log = logging.getLogger("distill")
MINER = "student"
QUERIES_AT_ONCE = 256


@runtime_checkable
class Learning(Protocol):
    """What rounds ask of a student's settings."""

    @property
    def training(self) -> TrainingConfig:
        """How long and how fast."""
        ...

    @property
    def lists(self) -> ListSettings:
        """How lists are drawn."""
        ...

    @property
    def template(self) -> str:
        """How a passage becomes one string."""
        ...

    @property
    def online(self) -> "OnlineConfig | None":
        """When it mines."""
        ...


class OnlineConfig(Settings):
    """When a student mines, and how deep."""

    every: PositiveInt = Field(description="Steps between two rounds; the first learns from what was mined.")
    depth: PositiveInt = Field(default=50, description="Passages of each query that the teacher is shown.")
    candidates: Literal["replace", "add"] = Field(
        default="replace", description="Whether negatives are the student's own, or those of the miners too."
    )


def rounds(steps: int, online: OnlineConfig | None) -> Iterator[tuple[int, int]]:
    """First and last step (not included) of each round.

    >>> list(rounds(10, OnlineConfig(every=4)))
    [(0, 4), (4, 8), (8, 10)]
    >>> list(rounds(10, None))
    [(0, 10)]
    """
    every = online.every if online else max(steps, 1)
    for first in range(0, steps, every):
        yield first, min(first + every, steps)


def rounds_of(student: Student, lesson: Lesson, lists: Lists, config: Learning) -> Iterator[Lists]:
    """The lists of a training, round by round; those of a round are drawn when it begins.

    Args:
        student: as it is by then; its ``facts`` get the number of pairs that the teacher was asked.
        lesson: what it learns from.
        lists: those of the whole training, of which the first round learns its part.
        config: the student's settings.
    """
    size, steps = config.training.batch_size, config.training.steps(lists.rows.height)
    mining = Mining(student, lesson, config.online) if config.online else None
    drawn = lists
    for first, last in rounds(steps, config.online):
        if first and mining is not None:
            drawn = draw_lists(mining.again(), config.lists, config.training, config.template)
            student.facts["online_pairs_asked"] = float(mining.asked)
        rows = drawn.rows[first * size : last * size]
        if rows.is_empty():
            log.warning("online: no list is left for step %d; expected %d steps", first, steps)
            return
        yield replace(drawn, rows=rows)


class Mining:
    """The rounds of one training. ``asked`` counts pairs that the key did not hold."""

    def __init__(self, student: Student, lesson: Lesson, online: OnlineConfig) -> None:
        if lesson.scorer is None or lesson.answers is None:
            raise ConfigError(
                where="online",
                found="a student that learns from no teacher's scores",
                expected="a loss that does, such as kl",
                advice="Leave online out, or choose another loss.",
            )
        self.student = student
        self.online = online
        self.asked = 0
        self._first = lesson
        self._scorer = lesson.scorer
        self._answers = lesson.answers
        self._shelf = Shelf(lesson.passages.collect().to_arrow(), vectors_of(lesson))
        self._queries = lesson.queries.filter(pl.col("split") == "train").collect().sort("qid")

    def again(self) -> Lesson:
        """The lesson of the next round: what the student finds by now, with the teacher's answers."""
        found = self._find()
        told = ask(found.select("qid", "pid"), self._answers, self._scorer, self._first.teacher)
        self._answers = told.answers
        self.asked += told.asked
        log.info("online: %d pairs found, %d of them new to the answer key", found.height, told.asked)
        candidates = found.lazy()
        if self.online.candidates == "add":
            candidates = pl.concat([self._first.candidates.select(found.columns), candidates])
        return replace(self._first, candidates=candidates, answers=self._answers)

    def _find(self) -> pl.DataFrame:
        """The student's own best of each query to learn from (columns of ``candidates``)."""
        retriever = self.student.retriever(self._shelf)
        depth = min(self.online.depth, self._shelf.passages.num_rows)
        found = [
            _candidates(some["qid"], self._shelf.pids, retriever.search(retriever.encode(texts), depth))
            for some in self._queries.iter_slices(QUERIES_AT_ONCE)
            if (texts := some["text"].to_list())
        ]
        return pl.concat(found)


def vectors_of(lesson: Lesson) -> np.ndarray | None:
    """Vectors of the lesson's passages, row by row, if it has any."""
    if lesson.embeddings is None:
        return None
    return lesson.embeddings.sort("pid").collect()["vector"].to_numpy()


def _candidates(qids: pl.Series, pids: list[str], hits: Hits) -> pl.DataFrame:
    """Rows of ``candidates`` of some queries, without the empty places."""
    width = hits.rows.shape[1]
    rows = pl.DataFrame(
        {
            "qid": np.repeat(qids.to_numpy(), width),
            "row": hits.rows.ravel(),
            "rank": np.tile(np.arange(1, width + 1, dtype=np.int32), len(qids)),
            "score": hits.scores.ravel(),
        },
        schema={"qid": pl.String, "row": pl.Int64, "rank": pl.Int32, "score": pl.Float32},
    ).filter(pl.col("row") >= 0)
    pid = pl.Series("pid", pids, dtype=pl.String).gather(rows["row"])
    return rows.select("qid", pid, pl.lit(MINER).alias("miner"), "rank", "score")
