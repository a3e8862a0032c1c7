"""Which shards may hold a query, without a look at every shard.

    index = {(prefix of a query's hash, shard)}, ascending by prefix, in a few arrays

A new shard is an array of its own. Whenever the last arrays are not at least twice as long, each, as what
follows them, they are merged into one: there are at most log₂ of the queries of them, and adding n shards one
by one moves a prefix about log n times. A look-up of k queries takes a binary search for each in every array.
Twelve bytes a query and shard. Source: Bentley and Saxe 1980, "Decomposable searching problems I"
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Prefixes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class _Run:
    """Prefixes, ascending, and beside each the number of the shard that has it."""

    prefixes: Prefixes
    shards: npt.NDArray[np.int32]

    def held(self, wanted: Prefixes) -> npt.NDArray[np.int32]:
        """Numbers of the shards that have one of the ``wanted`` prefixes."""
        low = np.searchsorted(self.prefixes, wanted, side="left")
        counts = np.searchsorted(self.prefixes, wanted, side="right") - low
        # The places low[i], low[i] + 1, …, of every i, one after the other.
        first = np.repeat(low - np.cumsum(counts) + counts, counts)
        return np.unique(self.shards[first + np.arange(counts.sum())])


class ShardIndex:
    """The queries of all shards that were added.

    >>> index = ShardIndex()
    >>> index.add("old", np.array([3, 5], dtype=np.uint64))
    >>> index.add("new", np.array([5, 9], dtype=np.uint64))
    >>> index.holding(np.array([4, 5], dtype=np.uint64)), index.holding(np.array([9], dtype=np.uint64))
    (['old', 'new'], ['new'])
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._added = 0

    def __contains__(self, name: str) -> bool:
        """Say whether a shard was added."""
        return name in self._numbers

    def add(self, name: str, prefixes: Prefixes) -> None:
        """Add a shard that is not there yet.

        Args:
            name: of the shard.
            prefixes: of its queries, ascending and distinct.
        """
        number, self._added = self._added, self._added + 1
        self._names[number], self._numbers[name] = name, number
        parts = [_Run(prefixes, np.full(len(prefixes), number, dtype=np.int32))]
        length = len(prefixes)
        while self._runs and len(self._runs[-1].prefixes) < 2 * length:
            parts.append(self._runs.pop())
            length += len(parts[-1].prefixes)
        self._runs.append(_merged(parts))

    def keep(self, names: Collection[str]) -> None:
        """Drop all shards but these."""
        gone = [self._numbers.pop(name) for name in [*self._numbers] if name not in names]
        if not gone:
            return
        for number in gone:
            del self._names[number]
        left = [(run, ~np.isin(run.shards, gone)) for run in self._runs]
        self._runs = [_Run(run.prefixes[kept], run.shards[kept]) for run, kept in left if kept.any()]

    def holding(self, wanted: Prefixes) -> list[str]:
        """Names of the shards that may hold one of the queries, in the order in which they were added."""
        found = {number for run in self._runs for number in run.held(wanted).tolist()}
        return [self._names[number] for number in sorted(found)]


def _merged(runs: list[_Run]) -> _Run:
    if len(runs) == 1:
        return runs[0]
    prefixes = np.concatenate([run.prefixes for run in runs])
    shards = np.concatenate([run.shards for run in runs])
    order = np.argsort(prefixes, kind="stable")
    return _Run(prefixes[order], shards[order])
