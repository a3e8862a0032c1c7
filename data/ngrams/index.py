"""Look up n-grams: where they occur, how often, and which tokens may follow them.

An n-gram is a range (low, high) of suffixes: all that begin with it. Their next tokens stand in ascending
order, so that a longer n-gram is a range within it, and what may follow is where that order steps up. For one
token and for pairs these steps are stored; in longer ranges they are searched for. The arrays are mapped: an
index opens at once, whatever its size, and several processes share its memory.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.ngrams.layout import IntArray, read
from data.ngrams.steps import Suffixes

Range = tuple[int, int]
Ranges = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Followers:
    """Tokens that may follow an n-gram, ascending; with token j it is the range bounds[j], bounds[j + 1]."""

    tokens: IntArray
    bounds: IntArray

    @property
    def counts(self) -> IntArray:
        """How often each follows."""
        return np.diff(self.bounds)

    def range_of(self, token: int) -> Range:
        """The n-gram with one of these tokens; an empty range for any other."""
        place = int(np.searchsorted(self.tokens, token))
        if place == len(self.tokens) or self.tokens[place] != token:
            return 0, 0
        return int(self.bounds[place]), int(self.bounds[place + 1])


class NgramIndex:
    """An index that ``data.ngrams.build`` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.header, arrays = read(folder)
        self._suffixes = Suffixes(arrays["text"], arrays["suffixes"])
        self._starts, self._rows = arrays["starts"], arrays["rows"]
        self._firsts, self._pairs = arrays["firsts"], arrays["pairs"]
        self._pair_tokens, self._pair_starts = arrays["pair_tokens"], arrays["pair_starts"]
        tokens = np.flatnonzero(np.diff(self._firsts))
        self._root = Followers(tokens, np.append(self._firsts[tokens], self.size))

    @staticmethod
    def open(folder: Path) -> "NgramIndex":
        """Open an index.

        Raises:
            ArtifactDamaged: the folder holds none, one of another version, or a part of one.
        """
        return NgramIndex(folder)

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.header.tokens

    @property
    def longest(self) -> int:
        """Tokens of the longest n-gram that may be asked for."""
        return self.header.longest

    @property
    def vocabulary(self) -> int:
        """Tokens are below this number."""
        return self.header.vocabulary

    @property
    def text(self) -> IntArray:
        """All tokens, after each sequence an ``END``: what ``places`` point into."""
        return self._suffixes.text

    @property
    def index_bytes(self) -> int:
        """Size of the folder's files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    @property
    def everything(self) -> Range:
        """The n-gram of no token."""
        return 0, self.size

    def range_of(self, tokens: Sequence[int]) -> Range:
        """The n-gram of these tokens; an empty range if it does not occur.

        Raises:
            InputError: it is longer than the longest that the index was built for.
        """
        found = self.everything
        for depth, token in enumerate(tokens):
            found = self.extend(found, depth, token)
        return found

    def count(self, tokens: Sequence[int]) -> int:
        """How often an n-gram occurs."""
        low, high = self.range_of(tokens)
        return high - low

    def extend(self, ngram: Range, depth: int, token: int) -> Range:
        """One token more for the n-gram of ``depth`` tokens; an empty range if it never follows."""
        self._refuse_longer(depth + 1)
        low, high = ngram
        if low == high or not 0 <= token < self.vocabulary:
            return low, low
        if depth == 0:
            return int(self._firsts[token]), int(self._firsts[token + 1])
        text, order = self._suffixes.text, self._suffixes.order
        low = bisect_left(range(high), token, low, key=lambda place: text[order[place] + depth])
        return low, bisect_left(range(high), token + 1, low, key=lambda place: text[order[place] + depth])

    def ranges_of(self, ngrams: Sequence[Sequence[int]]) -> tuple[Ranges, Ranges]:
        """Lows and highs of many n-grams, found together.

        Raises:
            InputError: one is longer than the longest that the index was built for.
        """
        lengths = np.array([len(tokens) for tokens in ngrams], dtype=np.int64)
        lows, highs = np.zeros(len(ngrams), np.int64), np.full(len(ngrams), self.size)
        for depth in range(lengths.max(initial=0)):
            self._refuse_longer(depth + 1)
            some = np.flatnonzero((lengths > depth) & (lows < highs))
            tokens = np.array([ngrams[place][depth] for place in some.tolist()], dtype=np.int64)
            is_known = (tokens >= 0) & (tokens < self.vocabulary)
            highs[some[~is_known]] = lows[some[~is_known]]
            some, tokens = some[is_known], tokens[is_known]
            if depth == 0:
                lows[some], highs[some] = self._firsts[tokens], self._firsts[tokens + 1]
            else:
                lows[some] = self._suffixes.first_at_least(lows[some], highs[some], depth, tokens)
                highs[some] = self._suffixes.first_at_least(lows[some], highs[some], depth, tokens + 1)
        return lows, highs

    def next_tokens(self, ngram: Range, depth: int) -> tuple[IntArray, IntArray]:
        """Tokens that follow the n-gram of ``depth`` tokens, ascending, and how often each does."""
        (found,) = self.next_tokens_of([ngram], [depth])
        return found.tokens, found.counts

    def next_tokens_of(self, ngrams: Sequence[Range], depths: Sequence[int]) -> list[Followers]:
        """What follows each of many n-grams, of so many tokens each: a step of a beam at once.

        Raises:
            InputError: one has as many tokens as the longest that the index was built for.
        """
        self._refuse_longer(max(depths, default=0) + 1)
        found: dict[int, Followers] = {}
        far: list[int] = []
        for place, (ngram, depth) in enumerate(zip(ngrams, depths, strict=True)):
            if ngram[0] == ngram[1]:
                found[place] = Followers(np.zeros(0, np.int32), np.zeros(1, np.int64))
            elif depth > 1:
                far.append(place)
            else:
                found[place] = self._after_one(ngram) if depth else self._root
        lows, highs = np.array([ngrams[place] for place in far], dtype=np.int64).reshape(-1, 2).T
        shifts = np.array([depths[place] for place in far], dtype=np.int64)
        searched = self._suffixes.steps(lows, highs, shifts)
        found |= {place: Followers(*each) for place, each in zip(far, searched, strict=True)}
        return [found[place] for place in range(len(ngrams))]

    def _after_one(self, ngram: Range) -> Followers:
        token = self._suffixes.text[self._suffixes.order[ngram[0]]]
        pairs = slice(int(self._pairs[token]), int(self._pairs[token + 1]))
        return Followers(self._pair_tokens[pairs], np.append(self._pair_starts[pairs], ngram[1]))

    def places(self, ngram: Range, limit: int) -> IntArray:
        """Where in the text an n-gram occurs, at most ``limit`` of them: first where a sequence ends."""
        low, high = ngram
        return self._suffixes.order[low : min(high, low + limit)]

    def rows(self, places: IntArray) -> IntArray:
        """Row of the passage that each place belongs to."""
        return self._rows[np.searchsorted(self._starts, places, side="right") - 1]

    def sequences_of(self, rows: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Where each sequence of these passages begins and ends in the text, and the row it belongs to."""
        firsts = np.searchsorted(self._rows, rows, side="left")
        counts = np.searchsorted(self._rows, rows, side="right") - firsts
        sequences = np.repeat(firsts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return self._starts[sequences], self._starts[sequences + 1] - 1, np.repeat(rows, counts)

    def _refuse_longer(self, length: int) -> None:
        if length > self.longest:
            raise InputError(
                where=f"{self.folder}",
                found=f"an n-gram of {length} tokens asked for",
                expected=f"at most {self.longest}, which the index was built for",
                advice="Ask for a shorter one, or build the index for longer ones.",
            )
