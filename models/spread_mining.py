"""Mining in batches of queries, here or on the machines of whoever maps.

An index is built wherever queries are searched: it needs all passages. Vectors of passages, which cost most,
are made once (``models.spread_encoding``) and lie in a file. A batch has the same queries wherever it is
searched, and encoders choose what the first one chose: the candidates are the same bytes.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data import tables
from data.artifacts import ArtifactStore
from data.schemas import CANDIDATES, PASSAGES, QUERIES
from data.spreading import Order, offered, put, take
from models import retrievers
from models.retriever import Retriever
from models.retrievers import AnyRetrieverConfig
from models.runs import run_of_hits
from models.spread_encoding import CHUNK_PASSAGES, Facts, Source, encoded, save_vectors
from models.texts import passage_texts


class VectorsFile(NamedTuple):
    """Vectors of all passages, [passage, width], in a file of NumPy, and how their encoder made them."""

    place: Path
    facts: Facts


@runtime_checkable
class Described(Retriever, Protocol):
    """A retriever that says what it is: library, variant, parameters."""

    @property
    def description(self) -> str:
        """In one line."""
        ...


class Asked(NamedTuple):
    """Who mines, how many passages of each query, how many queries at once, and the file of the passages."""

    miners: tuple[AnyRetrieverConfig, ...]
    depth: int
    batch: int
    passages: Path


@dataclass(frozen=True)
class Mining:
    """Who is asked; ``queries`` is a file of the table, in the order in which the batches come."""

    asked: Asked
    queries: Path
    vectors: Mapping[str, VectorsFile]

    def open(self) -> "Opened":
        """Build the indexes and read the queries."""
        passages = tables.read(PASSAGES, [self.asked.passages])
        built: dict[str, Retriever] = {}
        descriptions: dict[str, str] = {}
        for miner in self.asked.miners:
            index = _build(miner, passages, self.vectors.get(miner.name))
            built[miner.name], descriptions[miner.name] = index, index.description
        queries = tables.read(QUERIES, [self.queries])
        return Opened(self, built, descriptions, queries, passages["pid"].to_pylist())


@dataclass(frozen=True)
class Opened:
    """Miners that are ready, what they are, and the queries and passages."""

    mining: Mining
    miners: Mapping[str, Retriever]
    descriptions: dict[str, str]
    queries: pa.Table
    pids: list[str]

    def batch(self, start: int) -> pa.Table:
        """Candidates of the batch of queries that begins there."""
        some = self.queries.slice(start, self.mining.asked.batch)
        return mine(some, self.pids, self.miners, self.mining.asked.depth)


@dataclass(frozen=True)
class Mined:
    """What the miners are, and the candidates, batch by batch."""

    descriptions: dict[str, str]
    batches: Iterator[pa.Table]


def mine(queries: pa.Table, pids: Sequence[str], miners: Mapping[str, Retriever], depth: int) -> pa.Table:
    """Give the candidates (table ``candidates``) of all ``queries``.

    Args:
        queries: columns qid and text.
        pids: of the passages that the miners index, in the order of their rows.
        miners: by name.
        depth: passages per query and miner.
    """
    qids, texts = (queries[column].to_pylist() for column in ("qid", "text"))
    runs = [pl.DataFrame(CANDIDATES.columns.empty_table())]
    for name, miner in miners.items():
        hits = miner.search(miner.encode(texts), min(depth, len(pids)))
        run = pl.DataFrame(run_of_hits(hits, qids, pids)).with_columns(miner=pl.lit(name))
        runs.append(run.select(CANDIDATES.columns.names))
    return pl.concat(runs).to_arrow().cast(CANDIDATES.columns)


class Batch(NamedTuple):
    """A batch of queries that another process mines."""

    mining: Order
    start: int
    place: Path


@contextmanager
def mined(asked: Asked, queries: pa.Table, store: ArtifactStore) -> Generator[Mined]:
    """Mine for all ``queries``, which come in the order of their qid; the store lends scratch folders."""
    with store.lending() as lent:
        folder = lent.resolve()
        vectors = {
            miner.name: _encode(miner, asked.passages, store, folder)
            for miner in asked.miners
            if isinstance(miner, retrievers.DenseConfig)
        }
        mining = Mining(
            asked._replace(passages=asked.passages.resolve()), folder / "queries.parquet", vectors
        )
        pq.write_table(queries, mining.queries)
        starts = range(0, queries.num_rows, asked.batch)
        mapper = offered()
        if mapper is None or len(starts) < 2:
            opened = mining.open()
            yield Mined(opened.descriptions, map(opened.batch, starts))
            return
        order = Order(mining)
        pieces = [Batch(order, start, folder / f"{start}.arrow") for start in starts]
        descriptions = mapper(mine_batch, pieces, "mining candidates")[0]
        yield Mined(descriptions, (take(piece.place) for piece in pieces))


def mine_batch(batch: Batch, _first: dict[str, str] | None) -> dict[str, str]:
    """Mine one batch into its place; give what the miners are."""
    opened = _opened(batch.mining)
    put(opened.batch(batch.start), batch.place)
    return opened.descriptions


@lru_cache(maxsize=1)
def _opened(order: Order) -> Opened:
    mining: Mining = order.values[0]
    return mining.open()


def _encode(
    miner: "retrievers.DenseConfig", passages: Path, store: ArtifactStore, folder: Path
) -> VectorsFile:
    place = folder / f"{miner.name}.npy"
    source = Source(miner.encoder.load, passages, miner.template, CHUNK_PASSAGES)
    with encoded(source, store) as found:
        save_vectors(found, pq.read_metadata(passages).num_rows, place)
        return VectorsFile(place, dict(found.facts()))


def _build(miner: AnyRetrieverConfig, passages: pa.Table, vectors: VectorsFile | None) -> Described:
    if vectors is None or not isinstance(miner, retrievers.DenseConfig):
        return miner.build(passage_texts(passages, miner.template))
    encoder = miner.encoder.load()
    encoder.work_as(vectors.facts)
    union: Any = retrievers  # whose import does not make every kind's module part of the address
    return union.dense.DenseRetriever(encoder, np.load(vectors.place), miner.index)
