"""Pieces of a stage's work, done by whoever offers to do them elsewhere.

A stage whose work falls into pieces asks who maps (``offered``). Nobody does unless someone further up has
called ``spread_by``; the stage then does its pieces itself, one after the other. Nobody down here knows who
maps, and no address depends on it.

What crosses to another process is small: functions that a module defines, paths, settings. What a piece makes
it puts into a file of a folder that all see.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable
from uuid import uuid4

import pyarrow as pa

PieceT = TypeVar("PieceT")
DoneT = TypeVar("DoneT")
# Does one piece; it is told what the first piece gave, or None if it is the first.
Work = Callable[[PieceT, DoneT | None], DoneT]


@runtime_checkable
class Mapper(Protocol):
    """Does pieces in other processes, some at a time.

    The first piece is done alone, and all others are told what it gave: what is chosen by measuring, such as
    an implementation of attention, is then chosen once. A piece whose process dies is done again elsewhere.
    """

    def __call__(self, work: Work[PieceT, DoneT], pieces: Sequence[PieceT], what: str) -> list[DoneT]:
        """Give what each piece gives, in their order.

        Args:
            work: a function that a module defines, so that another process can import it.
            pieces: what it is called with; they, and what it gives, go from process to process.
            what: names the work for who watches.
        """
        ...


_offered: ContextVar[Mapper | None] = ContextVar("mapper", default=None)


def offered() -> Mapper | None:
    """Give who maps here; None: do the pieces yourself."""
    return _offered.get()


@contextmanager
def spread_by(mapper: Mapper) -> Generator[None]:
    """Let ``mapper`` do the pieces of all stages in the block."""
    token = _offered.set(mapper)
    try:
        yield
    finally:
        _offered.reset(token)


class Order:
    """What several pieces need to open the same things: a process that remembers an order opens them once.

    It is known by its key, so that ``lru_cache`` finds it again in the process it was sent to.

    >>> Order("passages.parquet").values, len({Order(1), Order(1)})
    (('passages.parquet',), 2)
    """

    def __init__(self, *values: Any) -> None:  # noqa: ANN401  (paths, settings, references)
        self.values = values
        self.key = uuid4().hex

    def __eq__(self, other: object) -> bool:
        """Whether it is the same order, here or where it was sent."""
        return isinstance(other, Order) and other.key == self.key

    def __hash__(self) -> int:
        """Of the key."""
        return hash(self.key)


def put(table: pa.Table, place: Path) -> None:
    """Write what a piece made: whole or not at all, though two processes may write the same."""
    scratch = place.with_name(f".{place.name}.{os.getpid()}-{os.urandom(4).hex()}")
    with pa.OSFile(str(scratch), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    scratch.replace(place)


def take(place: Path) -> pa.Table:
    """Read what a piece made, and remove it."""
    with pa.OSFile(str(place)) as file:
        table = pa.ipc.open_file(file).read_all()
    place.unlink()
    return table
