"""A pair as the store knows it: a hash of the query's text and a hash of the passage's text.

Texts are hashed as the teacher reads them, so that a renamed id or a moved passage changes nothing and an
edited word changes exactly its own pairs. With 128 bits, the odds that two of a billion texts share a hash
are 1 to 10²⁰.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

HASH_BYTES = 16
HASH = pa.binary(HASH_BYTES)
Hashes = npt.NDArray[np.void]
PAIR = ("query", "passage")
# What a shard holds: one row per pair, sorted by it.
SCORES = pa.schema(
    [
        pa.field("query", HASH, nullable=False),
        pa.field("passage", HASH, nullable=False),
        pa.field("score", pa.float32(), nullable=False),
    ]
)


def text_hashes(texts: Iterable[str]) -> Hashes:
    """Hash texts (BLAKE2b), 16 bytes each, [text].

    >>> len(set(text_hashes(["gold", "iron", "gold"]).tolist()))
    2
    """
    joined = b"".join(hashlib.blake2b(text.encode(), digest_size=HASH_BYTES).digest() for text in texts)
    return np.frombuffer(joined, dtype=f"V{HASH_BYTES}")


def column(hashes: Hashes) -> pa.Array:
    """Hashes as a column of a shard."""
    buffer = pa.py_buffer(np.ascontiguousarray(hashes))
    return pa.Array.from_buffers(HASH, len(hashes), [None, buffer])


def pair_frame(queries: Hashes, passages: Hashes) -> pl.DataFrame:
    """Pairs as a frame (query, passage), row by row."""
    table = pa.table({"query": column(queries), "passage": column(passages)})
    return pl.DataFrame(table)


def to_shard(pairs: pl.DataFrame) -> pa.Table:
    """Rows (query, passage, score) as a shard holds them, one per pair, sorted."""
    rows = pairs.select(*PAIR, "score").unique(PAIR, keep="any").sort(PAIR)
    return rows.to_arrow().cast(SCORES)


def prefixes(hashes: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """First eight bytes of each distinct hash, ascending: enough to tell where a query may lie."""
    first = b"".join(each[:8] for each in hashes)
    return np.unique(np.frombuffer(first, dtype=">u8").astype(np.uint64))
