"""What a teacher knows: most score any pair, a file has some, an ensemble what all its members have.

A pair that nobody scored is left out where systems are judged, never filled in, and how many there were is
told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from models.named_pairs import NamedPairs
from models.retriever import Rows
from models.teacher import Teacher


@runtime_checkable
class PartialTeacher(Protocol):
    """A teacher that may not know every pair."""

    def knows(self, query_rows: Rows, passage_rows: Rows) -> npt.NDArray[np.bool_]:
        """Which pairs (queries[query_rows[i]], passages[passage_rows[i]]) it has a score of."""
        ...


def knows(teacher: Teacher, query_rows: Rows, passage_rows: Rows) -> npt.NDArray[np.bool_]:
    """Which pairs ``teacher`` has a score of, or makes one for."""
    if isinstance(teacher, PartialTeacher):
        return teacher.knows(query_rows, passage_rows)
    return np.ones(len(query_rows), dtype=np.bool_)


@dataclass(frozen=True)
class Knowledge:
    """Those of some pairs (qid, pid) that a teacher knows, and what it lacks."""

    known: pa.Table
    pairs: int  # that were asked for
    queries: int  # that they are of
    silent: int  # queries of whose pairs it knows none

    @property
    def missing(self) -> int:
        """Pairs that it does not know."""
        return self.pairs - self.known.num_rows

    @property
    def is_none(self) -> bool:
        """Whether it was asked for pairs and knows none of them."""
        return self.pairs > 0 and not self.known.num_rows

    def remark(self, who: str) -> str:
        """What a reader must know of a ranking of the known pairs; empty if none is missing.

        >>> pairs = pa.table({"qid": ["q1"], "pid": ["p1"]})
        >>> Knowledge(pairs, pairs=3, queries=2, silent=1).remark("theirs")
        'theirs knows 1 of 3 pairs and ranks these alone; a query of which it knows none counts 0 (1 of 2).'
        """
        if self.is_none:
            return f"{who} is not listed: it knows none of the {self.pairs:,} pairs that it would rank."
        if not self.missing:
            return ""
        known = f"{who} knows {self.known.num_rows:,} of {self.pairs:,} pairs and ranks these alone"
        silent = f"; a query of which it knows none counts 0 ({self.silent:,} of {self.queries:,})"
        return f"{known}{silent if self.silent else ''}."

    def refusal(self, student: str, teacher: str) -> str:
        """Why a student is not held against its teacher on these pairs; empty if it is.

        >>> Knowledge(pa.table({"qid": ["q1"], "pid": ["p1"]}), 3, 2, 1).refusal("kl/0", "theirs")
        'kl/0 has no retention: theirs knows 1 of the 3 pairs that are its best.'
        """
        known = f"{self.known.num_rows:,} of the {self.pairs:,} pairs that are its best"
        return f"{student} has no retention: {teacher} knows {known}." if self.missing else ""


def known_pairs(teacher: Teacher, pairs: pa.Table, qids: Sequence[str], pids: Sequence[str]) -> Knowledge:
    """Divide pairs (columns qid, pid) into those that ``teacher`` knows and the rest.

    Args:
        teacher: opened for ``qids`` and ``pids``, in their order.
        pairs: of these queries and passages.
        qids: of all queries.
        pids: of all passages.
    """
    asked = pl.DataFrame(pairs.select(["qid", "pid"])).unique(maintain_order=True)
    known = asked.filter(pl.Series(knows(teacher, *NamedPairs(qids, pids).rows(asked)), dtype=pl.Boolean))
    queries = asked["qid"].n_unique()
    return Knowledge(known.to_arrow(), asked.height, queries, queries - known["qid"].n_unique())
