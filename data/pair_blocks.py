"""The pairs that a teacher is asked about, in the order of their ids, so many at a time.

Candidates are stored sorted by query, so that one pass over the file meets each query once: what is held in
memory is one block, whether there are a hundred thousand pairs or a thousand million.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

READ_ROWS = 65_536
PAIR = ("qid", "pid")


@dataclass(frozen=True)
class PairBlocks:
    """The blocks of ``pair_blocks``, with its arguments; they may be gone through more than once."""

    candidates: Path
    known: pl.DataFrame
    qids: pl.Series
    size: int
    depth: int | None = None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Read the file anew."""
        return pair_blocks(self.candidates, self.known, self.qids, self.size, self.depth)


def pair_blocks(
    candidates: Path, known: pl.DataFrame, qids: pl.Series, size: int, depth: int | None = None
) -> Iterator[pl.DataFrame]:
    """Give blocks (qid, pid): each pair once, sorted, queries whole, at least ``size`` pairs but in the last.

    Where blocks end depends on the pairs and ``size`` alone.

    Args:
        candidates: file of the table ``candidates``.
        known: pairs (qid, pid) that are asked about whether or not they were mined.
        qids: of the queries that count, sorted.
        size: pairs of a block; a query is never divided.
        depth: only so many best passages of each miner; None: all.
    """
    wanted = pl.DataFrame({"qid": qids}, schema={"qid": pl.String})
    known = known.join(wanted, on="qid", how="semi").select(PAIR).sort(PAIR)
    waiting = pl.DataFrame(schema={"qid": pl.String, "pid": pl.String})
    for batch in _batches(candidates, min(READ_ROWS, size)):
        best = batch if depth is None else batch.filter(pl.col("rank") <= depth)
        # Of the queries only those that the batch may hold: memory does not grow with their number.
        first, last = (pl.lit(each, dtype=pl.String) for each in (batch["qid"].min(), batch["qid"].max()))
        near = wanted.filter(pl.col("qid").is_between(first, last))
        waiting = pl.concat([waiting, best.select(PAIR).join(near, on="qid", how="semi")])
        if waiting.height < size or batch.is_empty():
            continue
        last = batch["qid"][-1]  # its rows may go on in the next batch
        mined, waiting = waiting.filter(pl.col("qid") < last), waiting.filter(pl.col("qid") >= last)
        done, known = known.filter(pl.col("qid") < last), known.filter(pl.col("qid") >= last)
        block = pl.concat([mined, done]).unique()
        if block.height >= size:
            yield block.sort(PAIR)
        else:
            waiting = pl.concat([block, waiting])
    block = pl.concat([waiting, known]).unique().sort(PAIR)
    if block.height:
        yield block


def _batches(path: Path, rows: int) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows, columns=[*PAIR, "rank"]):
            yield pl.DataFrame(batch)
