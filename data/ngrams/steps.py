"""Where, in a range of suffixes, the next token steps up to another: many ranges at once.

    x(i) = text[order[i] + depth],   ascending over the range low … high − 1

A long range is looked at in pieces; one whose first and last token are the same has no step within, and the
others are cut again, until they are short enough to be read whole. A range with m distinct next tokens costs
about m pieces for each cut, not its length.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.ngrams.layout import END, IntArray

Places = npt.NDArray[np.int64]
PIECES = 32
# So many suffixes are read whole: less work than to cut them again.
SHORT = 64


@dataclass(frozen=True)
class Suffixes:
    """A text, and its places in the order of what is read from there on."""

    text: IntArray
    order: IntArray

    def tokens(self, places: Places, depths: Places | int) -> IntArray:
        """The token so many places after where each suffix begins."""
        return self.text[self.order[places] + depths]

    def first_at_least(self, lows: Places, highs: Places, depth: int, tokens: Places) -> Places:
        """The first place of each range whose next token is not below its own of ``tokens``; else its high.

        >>> suffixes = Suffixes(np.array([4, 4, 7]), np.arange(3))
        >>> suffixes.first_at_least(np.array([0]), np.array([3]), 0, np.array([5]))
        array([2])
        """
        lows, highs = lows.copy(), highs.copy()
        while (unsure := np.flatnonzero(lows < highs)).size:
            middles = (lows[unsure] + highs[unsure]) // 2
            is_below = self.tokens(middles, depth) < tokens[unsure]
            lows[unsure[is_below]] = middles[is_below] + 1
            highs[unsure[~is_below]] = middles[~is_below]
        return lows

    def steps(self, lows: Places, highs: Places, depths: Places) -> list[tuple[IntArray, IntArray]]:
        """For each range its distinct next tokens, ascending, and where each begins, the range's high last.

        An ``END`` is no token. No range is empty.
        """
        ranges = np.arange(len(lows))
        found = _Steps(ranges, lows, self.tokens(lows, depths))
        found = _joined([found, *self._within(lows, highs - 1, depths)])
        kept = np.flatnonzero(found.tokens != END)
        order = kept[np.lexsort((found.places[kept], found.ranges[kept]))]
        places, tokens = found.places[order], found.tokens[order]
        cuts = np.searchsorted(found.ranges[order], np.append(ranges, len(lows))).tolist()
        return [
            (tokens[cut:after], np.append(places[cut:after], high))
            for cut, after, high in zip(cuts[:-1], cuts[1:], highs, strict=True)
        ]

    def _within(self, firsts: Places, lasts: Places, depths: Places) -> "list[_Steps]":
        """Every step after the first place of each range, up to its last."""
        ranges = np.arange(len(firsts))
        found: list[_Steps] = []
        while ranges.size:
            is_long = lasts - firsts > SHORT
            short = ranges[~is_long]
            found.append(self._read(firsts[~is_long], lasts[~is_long], depths[short], short))
            firsts, lasts, ranges = firsts[is_long], lasts[is_long], ranges[is_long]
            cuts = firsts[:, None] + (lasts - firsts)[:, None] * np.arange(PIECES + 1) // PIECES
            tokens = self.tokens(cuts, depths[ranges][:, None])
            piece, cut = np.nonzero(tokens[:, 1:] != tokens[:, :-1])
            firsts, lasts, ranges = cuts[piece, cut], cuts[piece, cut + 1], ranges[piece]
        return found

    def _read(self, firsts: Places, lasts: Places, depths: Places, ranges: Places) -> "_Steps":
        """The steps of short pieces: each place is compared with the one before it."""
        lengths = lasts - firsts + 1
        begins = np.cumsum(lengths) - lengths
        places = np.repeat(firsts - begins, lengths) + np.arange(lengths.sum())
        tokens = self.tokens(places, np.repeat(depths, lengths))
        is_step = np.zeros(len(places), dtype=np.bool_)
        is_step[1:] = tokens[1:] != tokens[:-1]
        # The first place of a piece has none before it.
        is_step[begins] = False
        return _Steps(np.repeat(ranges, lengths)[is_step], places[is_step], tokens[is_step])


@dataclass(frozen=True)
class _Steps:
    """Places where another token begins, in which range, and the token."""

    ranges: Places
    places: Places
    tokens: IntArray


def _joined(parts: list[_Steps]) -> _Steps:
    return _Steps(
        np.concatenate([part.ranges for part in parts]),
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.tokens for part in parts]),
    )
