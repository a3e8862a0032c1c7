"""A progress bar with rate and ETA for whatever takes over five seconds, and word of it for who listens.

A terminal shows the bar. Whoever calls ``listening`` is told, at most once a second, how far the work
inside the block has come; nobody down here knows who that is.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    Bar = tqdm[NoReturn]
else:
    Bar = tqdm

ItemT = TypeVar("ItemT")
PATIENCE_S = 5.0
INTERVAL_S = 1.0


@dataclass(frozen=True)
class Reached:
    """How far some work has come.

    >>> Reached("mining", "batch", 5, 20).percent
    25.0
    """

    what: str
    unit: str
    done: float
    total: float | None  # None where nobody knows how much there is

    @property
    def percent(self) -> float | None:
        """From 0 to 100; None where nobody knows how much there is."""
        return min(100.0 * self.done / self.total, 100.0) if self.total else None


Listener = Callable[[Reached], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Generator[None]:
    """Tell ``listener`` of all work in the block that takes over five seconds, terminal or not.

    Threads that the block starts are not listened to.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Meter(Bar):
    """A bar on a terminal, nothing elsewhere; it counts and tells its listener in both places."""

    def __init__(self, what: str, unit: str, total: float | None) -> None:
        self._listener = _listener.get()
        self._what, self._unit = what, unit
        self._next = time.monotonic() + PATIENCE_S
        self._heard = False
        super().__init__(desc=what, unit=unit, total=total, delay=PATIENCE_S, disable=None, leave=False)

    def update(self, n: float | None = 1) -> bool | None:
        """Move on by ``n`` units."""
        shown = super().update(n)
        if self.disable:  # then the bar itself does not count
            self.n += n or 0
        if self._listener is not None and time.monotonic() >= self._next:
            self._tell(self._listener)
        return shown

    def close(self) -> None:
        """Remove the bar; who was told of a beginning is told of the end."""
        if self._listener is not None and self._heard:
            self._heard = False  # closing twice tells once
            self._tell(self._listener, ends=True)
        super().close()

    def _tell(self, listener: Listener, *, ends: bool = False) -> None:
        self._heard = not ends
        listener(Reached(self._what, self._unit, self.n, self.total))
        self._next = time.monotonic() + INTERVAL_S


def progress(items: Iterable[ItemT], what: str, unit: str, total: int | None = None) -> Iterable[ItemT]:
    """Iterate over ``items``, showing a bar on a terminal after five seconds, nothing elsewhere.

    >>> list(progress([1, 2], "counting", "number"))
    [1, 2]
    """
    known = len(items) if total is None and isinstance(items, Sized) else total
    with meter(what, unit, known) as bar:
        for item in items:
            yield item
            bar.update(1)


def meter(what: str, unit: str, total: int | None) -> Meter:
    """Give a bar to be moved by ``update(n)`` where one step is many units."""
    return Meter(what, unit, total)
