"""Pairs by name and by row: tables name a query and a passage, a teacher counts them."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from models.retriever import Rows
from models.teacher import Teacher


class NamedPairs:
    """Where the queries and passages stand that a teacher was given."""

    def __init__(self, qids: pl.Series | Sequence[str], pids: pa.ChunkedArray | Sequence[str]) -> None:
        self._queries, self._passages = _numbered(qids), _numbered(pids)

    def rows(self, pairs: pl.DataFrame) -> tuple[Rows, Rows]:
        """Rows of query and passage of each pair (qid, pid).

        >>> NamedPairs(["q1", "q2"], ["a", "b"]).rows(pl.DataFrame({"qid": ["q2"], "pid": ["a"]}))
        (array([1]), array([0]))
        """
        return _places(pairs["qid"], self._queries), _places(pairs["pid"], self._passages)

    def scores(self, teacher: Teacher, pairs: pl.DataFrame) -> pl.Series:
        """What ``teacher`` says of each pair (qid, pid), in their order."""
        return pl.Series("score", teacher.score(*self.rows(pairs)), dtype=pl.Float32)


def _places(ids: pl.Series, numbered: pl.DataFrame) -> Rows:
    # Those that are asked for first: a join with all would need memory for all, however few are asked for.
    asked = numbered.join(pl.DataFrame({"id": ids.unique()}), on="id", how="semi")
    named = pl.DataFrame({"id": ids})
    return named.join(asked, on="id", how="left", maintain_order="left")["row"].to_numpy()


def _numbered(ids: pl.Series | pa.ChunkedArray | Sequence[str]) -> pl.DataFrame:
    named = pl.Series("id", ids, dtype=pl.String)
    return pl.DataFrame([named, pl.Series("row", np.arange(len(named)), dtype=pl.Int64)])
