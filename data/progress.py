"""A progress bar with rate and ETA for whatever takes over five seconds."""

from collections.abc import Iterable
from typing import NoReturn, TypeVar

from tqdm import tqdm

ItemT = TypeVar("ItemT")
PATIENCE_S = 5.0


def progress(items: Iterable[ItemT], what: str, unit: str, total: int | None = None) -> Iterable[ItemT]:
    """Iterate over ``items``, showing a bar on a terminal after five seconds, nothing elsewhere.

    >>> list(progress([1, 2], "counting", "number"))
    [1, 2]
    """
    return tqdm(items, desc=what, unit=unit, total=total, delay=PATIENCE_S, disable=None, leave=False)


def meter(what: str, unit: str, total: int | None) -> "tqdm[NoReturn]":
    """Give a bar to be moved by ``update(n)`` where one step is many units."""
    return tqdm(desc=what, unit=unit, total=total, delay=PATIENCE_S, disable=None, leave=False)
