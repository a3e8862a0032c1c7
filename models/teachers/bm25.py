"""BM25 as a teacher: the weakest, and the one that costs nothing.

It answers how much of a student comes from its teacher's knowledge and how much from the lists.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from models.retriever import Rows, Scores
from models.retrievers.bm25 import Bm25Config
from models.scales import ScaleName
from models.teacher import TeacherConfig

if TYPE_CHECKING:
    from models.retrievers.bm25 import Bm25Retriever


class Bm25TeacherConfig(TeacherConfig):
    """The statistics of all passages of the collection, with the miner's settings."""

    kind: Literal["bm25"] = "bm25"
    retriever: Bm25Config = Bm25Config()

    @property
    def scale(self) -> ScaleName:
        """BM25."""
        return "bm25"

    @property
    def is_stored(self) -> bool:
        """No: how rare a word is depends on all passages, and scoring is as fast as looking up."""
        return False

    def load(self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]) -> "Bm25Teacher":
        """Index the passages."""
        del weights  # It has none.
        return Bm25Teacher(self.retriever.build(passages), queries)


class Bm25Teacher:
    """An index over the passages, and the queries' texts."""

    def __init__(self, retriever: "Bm25Retriever", queries: Sequence[str]) -> None:
        self.retriever = retriever
        self.queries = queries

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """BM25 of each pair; 0 where they share no word."""
        scores = np.empty(len(query_rows), dtype=np.float32)
        order = np.argsort(query_rows, kind="stable")
        starts = np.flatnonzero(np.diff(query_rows[order], prepend=-1))
        for pairs in np.split(order, starts[1:]) if len(order) else []:
            tokens = self.retriever.encode([self.queries[int(query_rows[pairs[0]])]])[0]
            scores[pairs] = self.retriever.scores(tokens)[passage_rows[pairs]]
        return scores

    def facts(self) -> dict[str, str]:
        """Which variant, with which parameters."""
        return {"description": self.retriever.description}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing was chosen by measuring."""
