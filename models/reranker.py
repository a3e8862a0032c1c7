"""A teacher as a system of its own: it puts the passages that others found in its own order."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from data.schemas import RUN
from models.teacher import Teacher


def rerank(teacher: Teacher, pairs: pa.Table, qids: Sequence[str], pids: Sequence[str]) -> pa.Table:
    """Order the passages of each query by the teacher's logit (table ``run``).

    Args:
        teacher: loaded with the texts of ``qids`` and ``pids``, in their order.
        pairs: columns qid and pid; a pair named twice is scored once.
        qids: of all queries.
        pids: of all passages.
    """
    query_rows = pl.DataFrame({"qid": qids}, schema={"qid": pl.String}).with_row_index("query_row")
    passage_rows = pl.DataFrame({"pid": pids}, schema={"pid": pl.String}).with_row_index("passage_row")
    frame = pl.DataFrame(pairs.select(["qid", "pid"])).unique().sort("qid", "pid")
    frame = frame.join(query_rows, on="qid", maintain_order="left")
    frame = frame.join(passage_rows, on="pid", maintain_order="left")
    rows = (frame[column].to_numpy().astype(np.int64) for column in ("query_row", "passage_row"))
    frame = frame.with_columns(pl.Series("score", teacher.score(*rows), pl.Float32))
    frame = frame.sort("qid", "score", "pid", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("qid").alias("rank")
    return frame.select("qid", "pid", rank, "score").to_arrow().cast(RUN.columns)
