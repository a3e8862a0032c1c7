"""Vectors of a collection's passages, chunk by chunk, here or on the machines of whoever maps.

A vector's last digits may depend on the texts it shares a batch with. Chunks begin at fixed passages wherever
they are encoded, and all are encoded as the first one was, so that the vectors are the same bytes.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.artifacts import ArtifactStore
from data.schemas import PASSAGES
from data.spreading import Mapper, Order, offered, put, take
from models.texts import passage_texts

# Enough for the encoder to find texts of equal length, little beside the model.
CHUNK_PASSAGES = 8192
Vectors = npt.NDArray[np.float32]
Facts = Mapping[str, str]


@runtime_checkable
class PassageEncoder(Protocol):
    """Makes one vector of a text, of ``width`` numbers."""

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """One vector per passage, [passage, width]."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """An encoder that chooses how it works; another process can be told to choose the same."""

    def facts(self) -> dict[str, str]:
        """What it chose."""
        ...

    def work_as(self, facts: Facts) -> None:
        """Choose what ``facts`` say."""
        ...


@dataclass(frozen=True)
class Source:
    """The passages and who encodes them. ``encoder`` is called where they are encoded."""

    encoder: Callable[[], PassageEncoder]
    passages: Path
    template: str
    chunk: int

    @property
    def starts(self) -> range:
        """First row of each chunk."""
        return range(0, pq.read_metadata(self.passages).num_rows, self.chunk)

    def tables(self) -> Iterator[pa.Table]:
        """Give the passages of each chunk."""
        with pq.ParquetFile(self.passages) as file:
            for batch in file.iter_batches(self.chunk):
                yield pa.Table.from_batches([batch])

    def table(self, start: int) -> pa.Table:
        """Give the passages of one chunk."""
        rows = pl.scan_parquet(self.passages).slice(start, self.chunk).select(PASSAGES.columns.names)
        return rows.collect().to_arrow().cast(PASSAGES.columns)


@dataclass(frozen=True)
class Encoded:
    """Each chunk's passages and vectors, and how they were made (known once the first chunk is)."""

    width: int
    chunks: Iterator[tuple[pa.Table, Vectors]]
    facts: Callable[[], Facts]


@contextmanager
def encoded(source: Source, store: ArtifactStore) -> Generator[Encoded]:
    """Encode all passages; the store lends the folder where those who map put their parts."""
    mapper = offered()
    if mapper is None or len(source.starts) < 2:
        encoder = source.encoder()
        chunks = ((table, _vectors(table, encoder, source)) for table in source.tables())
        yield Encoded(encoder.width, chunks, lambda: _facts(encoder))
        return
    with store.lending() as parts:
        yield _mapped(mapper, source, parts.resolve())


class Chunk(NamedTuple):
    """A chunk that another process encodes."""

    source: Order
    start: int
    place: Path


class Done(NamedTuple):
    """What a chunk's encoder was."""

    width: int
    facts: dict[str, str]


def _mapped(mapper: Mapper, source: Source, folder: Path) -> Encoded:
    order = Order(Source(source.encoder, source.passages.resolve(), source.template, source.chunk))
    pieces = [Chunk(order, start, folder / f"{start}.arrow") for start in source.starts]
    first = mapper(encode_chunk, pieces, "embedding passages")[0]
    chunks = (
        (table, _column(take(piece.place))) for table, piece in zip(source.tables(), pieces, strict=True)
    )
    return Encoded(first.width, chunks, lambda: first.facts)


def encode_chunk(chunk: Chunk, first: Done | None) -> Done:
    """Encode one chunk into its place, as the ``first`` was."""
    source, encoder = _opened(chunk.source)
    if first is not None and isinstance(encoder, Chooses):
        encoder.work_as(first.facts)
    table = source.table(chunk.start)
    vectors = _vectors(table, encoder, source)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), encoder.width)
    put(pa.table({"vector": column}), chunk.place)
    return Done(encoder.width, dict(_facts(encoder)))


@lru_cache(maxsize=1)
def _opened(order: Order) -> tuple[Source, PassageEncoder]:
    (source,) = order.values
    return source, source.encoder()


def _vectors(table: pa.Table, encoder: PassageEncoder, source: Source) -> Vectors:
    return encoder.encode_passages(passage_texts(table, source.template))


def _facts(encoder: PassageEncoder) -> Facts:
    return encoder.facts() if isinstance(encoder, Chooses) else {}


def _column(table: pa.Table) -> Vectors:
    column = table["vector"].combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)


def save_vectors(encoded: Encoded, rows: int, place: Path) -> None:
    """Write all vectors to a file of NumPy, [passage, width], without holding them."""
    found = np.lib.format.open_memmap(place, "w+", np.float32, (rows, encoded.width))
    done = 0
    for table, vectors in encoded.chunks:
        found[done : done + table.num_rows] = vectors
        done += table.num_rows
    found.flush()
