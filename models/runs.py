"""Runs: for every query its passages, best first.

What retrievers find is turned into the table ``run`` here: rank starts at 1, equal scores are
ordered by pid.
"""

import statistics
import time
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from data.progress import meter
from data.schemas import RUN
from models.retriever import Hits, Retriever

# Queries that are timed one by one: a median needs no more, and a slow system is given so many seconds.
TIMED_QUERIES = 100
TIMED_SECONDS = 5.0
FEWEST = 10


def run_of_hits(hits: Hits, qids: Sequence[str], pids: Sequence[str]) -> pa.Table:
    """Name the hits of each query; empty places are left out.

    Args:
        hits: rows of ``pids``, one line per query.
        qids: of the queries, in the order of the hits.
        pids: of all passages, in the order of the index.

    >>> hits = Hits(np.array([[1, 0], [0, -1]]), np.float32([[2, 1], [3, -np.inf]]))
    >>> run_of_hits(hits, ["q1", "q2"], ["p1", "p2"]).to_pydict()["pid"]
    ['p2', 'p1', 'p1']
    """
    query, place = np.nonzero(hits.rows >= 0)
    passage = hits.rows[query, place]
    columns = [
        pa.array(qids, pa.string()).take(pa.array(query)),
        pa.array(pids, pa.string()).take(pa.array(passage)),
        pa.array(place + 1, pa.int32()),
        pa.array(hits.scores[query, place], pa.float32()),
    ]
    return pa.Table.from_arrays(columns, schema=RUN.columns)


def best(run: pa.Table, depth: int, drop_self: bool = False) -> pa.Table:
    """Keep the ``depth`` best of each query and number them anew from 1.

    Args:
        run: table ``run``.
        depth: how many to keep.
        drop_self: leave out the passage that is the query itself (qid = pid), as collections do
            whose queries are taken from the corpus (ArguAna, Quora).
    """
    frame = pl.DataFrame(run).sort("qid", "rank")
    if drop_self:
        frame = frame.filter(pl.col("qid") != pl.col("pid"))
    frame = frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("qid").alias("rank"))
    return frame.filter(pl.col("rank") <= depth).to_arrow().cast(RUN.columns)


def retrieve(
    retriever: Retriever, queries: pa.Table, pids: Sequence[str], depth: int, batch: int
) -> pa.Table:
    """Search every query (columns qid, text), ``batch`` at a time; give the table ``run``."""
    qids, texts = queries["qid"].to_pylist(), queries["text"].to_pylist()
    tables = [RUN.columns.empty_table()]
    with meter("searching", "query", len(qids)) as bar:
        for start in range(0, len(qids), batch):
            some = slice(start, start + batch)
            hits = retriever.search(retriever.encode(texts[some]), min(depth, len(pids)))
            tables.append(run_of_hits(hits, qids[some], pids))
            bar.update(len(qids[some]))
    return pa.concat_tables(tables)


def latency_ms(retriever: Retriever, texts: Sequence[str], depth: int) -> dict[str, float]:
    """Median time to encode and to search one query that comes alone, in milliseconds.

    What one user waits for; a batch of many takes less for each. The first query warms up and is
    not counted.
    """
    times: list[tuple[float, float]] = []
    for text in [texts[0], *texts[:TIMED_QUERIES]]:
        if len(times) > FEWEST and sum(map(sum, times)) > TIMED_SECONDS:
            break
        start = time.perf_counter()
        encoded = retriever.encode([text])
        middle = time.perf_counter()
        retriever.search(encoded, depth)
        times.append((middle - start, time.perf_counter() - middle))
    encode, search = zip(*times[1:], strict=True)
    return {
        "encode_ms": 1e3 * statistics.median(encode),
        "search_ms": 1e3 * statistics.median(search),
    }
