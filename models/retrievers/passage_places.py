"""Where the text of some passages stands in an index of n-grams, and where keys stand in it.

An index finds the places of an n-gram in all passages; a frequent one has more of them than anyone wants to
see. Once the passages are chosen, their own text is read instead: its length does not grow with the
collection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Int

from data.ngrams import layout
from data.ngrams.index import NgramIndex


@dataclass(frozen=True)
class Text:
    """The tokens of some passages in one view, ascending in place: where each stands, its passage, and it."""

    places: Int[np.ndarray, " token"]
    owners: Int[np.ndarray, " token"]
    tokens: Int[np.ndarray, " token"]

    def find(self, key: Sequence[int]) -> tuple[Int[np.ndarray, " place"], Int[np.ndarray, " place"]]:
        """Places and passages of a key."""
        found = np.flatnonzero(self.tokens == key[0])
        for step, token in enumerate(key[1:], start=1):
            found = found[found + step < len(self.tokens)]
            # Between two sequences the index has an end, so that places jump where a sequence ends.
            joined = self.places[found + step] == self.places[found] + step
            found = found[joined & (self.tokens[found + step] == token)]
        return self.places[found], self.owners[found]


class PassagePlaces:
    """The text of an index, by passages."""

    def __init__(self, index: NgramIndex) -> None:
        self._index = index
        _, arrays = layout.read(index.folder)
        self._text, self._starts, self._rows = arrays["text"], arrays["starts"], arrays["rows"]

    @property
    def length(self) -> int:
        """Places of the text."""
        return len(self._text)

    @property
    def rows(self) -> int:
        """Passages up to the last that has a text here."""
        return int(self._rows[-1]) + 1 if len(self._rows) else 0

    @property
    def mean_length(self) -> float:
        """Tokens of a passage that has a text here, on average; 1 where none has."""
        passages = len(np.unique(self._rows))
        return (self.length - len(self._rows)) / passages if self.length > len(self._rows) else 1.0

    def lengths(self, rows: Int[np.ndarray, " passage"]) -> Int[np.ndarray, " passage"]:
        """Tokens of each of these passages; 0 for one without a text here."""
        firsts, lasts = self._sequences(rows)
        return self._starts[lasts] - self._starts[firsts] - (lasts - firsts)

    def of_keys(
        self, ranges: Sequence[tuple[int, int]]
    ) -> list[tuple[Int[np.ndarray, " place"], Int[np.ndarray, " place"]]]:
        """All places of each n-gram, ascending, and the row of the passage of each."""
        lengths = np.array([high - low for low, high in ranges], dtype=np.int64)
        none = np.zeros(0, dtype=np.int64)
        found = np.concatenate([none, *(self._index.places(each, each[1] - each[0]) for each in ranges)])
        keys = np.repeat(np.arange(len(ranges)), lengths)
        found = found[np.lexsort((found, keys))]
        rows = self._index.rows(found)
        cuts = np.cumsum(lengths)[:-1]
        return list(zip(np.split(found, cuts), np.split(rows, cuts), strict=True)) if len(ranges) else []

    def sequences_of(self, row: int) -> list[Int[np.ndarray, " token"]]:
        """The sequences of one passage."""
        first, last = np.searchsorted(self._rows, [row, row + 1])
        cuts = self._starts[first : last + 1]
        return [self._text[low : high - 1] for low, high in pairwise(cuts)]

    def text_of(self, rows: Int[np.ndarray, " passage"]) -> Text:
        """The text of passages; ``owners`` are places in ``rows``, which ascend."""
        sequences, owners = _runs(*self._sequences(rows))
        begins, ends = self._starts[sequences], self._starts[sequences + 1] - 1
        places, of_sequence = _runs(begins, ends)
        return Text(places, owners[of_sequence], self._text[places])

    def _sequences(
        self, rows: Int[np.ndarray, " passage"]
    ) -> tuple[Int[np.ndarray, " passage"], Int[np.ndarray, " passage"]]:
        """The first sequence of each passage, and that after its last."""
        return np.searchsorted(self._rows, rows, side="left"), np.searchsorted(self._rows, rows, side="right")


def _runs(
    firsts: Int[np.ndarray, " run"], ends: Int[np.ndarray, " run"]
) -> tuple[Int[np.ndarray, " number"], Int[np.ndarray, " number"]]:
    """The numbers first … end − 1 of each run, one after the other, and which run each is of.

    >>> _runs(np.array([4, 9]), np.array([6, 10]))
    (array([4, 5, 9]), array([0, 0, 1]))
    """
    lengths = ends - firsts
    of_run = np.repeat(np.arange(len(firsts)), lengths)
    begins = np.cumsum(lengths) - lengths
    return np.arange(len(of_run)) - begins[of_run] + firsts[of_run], of_run
