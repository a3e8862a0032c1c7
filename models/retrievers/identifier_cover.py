"""Which identifiers of a query a passage has, without counting one stretch of its text twice.

    score(p) = Σ_k c_k(p) · w_k
    c_k(p)   = (1 − β + β · |tokens of k new in p| / |tokens of k|)  +  (1 − β) · (further places of k in p)

Keys are put down in the order of their weights. Each takes all of its places that none before it has taken,
in any passage at once; β = 0.8 is how much of a key's weight is lost where its tokens counted before, in
whatever key and view. Then single tokens are counted where nothing lies.
Source: SEAL, Bevilacqua et al. 2022, https://arxiv.org/abs/2204.10628, and the code of MINDER
(https://github.com/liyongqi67/MINDER), which go through one passage at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int

Places = Int[np.ndarray, " place"]
BITS = 64


@dataclass
class Sheets:
    """What is covered of each view's text; as long as the texts, and blank again after each query."""

    lengths: Sequence[int]
    covered: list[npt.NDArray[np.bool_]] = field(init=False)
    _touched: list[tuple[int, Places]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.covered = [np.zeros(length, dtype=np.bool_) for length in self.lengths]

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return sum(sheet.nbytes for sheet in self.covered)

    def mark(self, view: int, places: Int[np.ndarray, " any"]) -> None:
        """Cover these places."""
        self.covered[view][places] = True
        self._touched.append((view, places))

    def clear(self) -> None:
        """Uncover all; costs what was covered, not the length of the texts."""
        for view, places in self._touched:
            self.covered[view][places] = False
        self._touched.clear()


class Cover:
    """Passages on which the keys of one query are put down, the heaviest first.

    Args:
        sheets: blank; ``clear`` them when the query is done.
        passages: how many; ``owners`` are places among them.
        tokens: of the keys that will be put down; others in these, such as delimiters, are never new.
        repetition: β.
    """

    def __init__(self, sheets: Sheets, passages: int, tokens: Sequence[int], repetition: float) -> None:
        self._sheets = sheets
        self._bits = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
        self._used = np.zeros((passages, -(-len(self._bits) // BITS)), dtype=np.uint64)
        self._repetition = repetition

    def put(
        self, key: tuple[int, ...], view: int, places: Places, owners: Places
    ) -> tuple[Int[np.ndarray, " owner"], Float[np.ndarray, " owner"]]:
        """Put down a key; give the passages that it counts for, ascending, and its coefficients.

        Args:
            key: its tokens.
            view: where its places are.
            places: where it begins, ascending.
            owners: the passage of each place, ascending too.
        """
        spans = places[:, None] + np.arange(len(key))
        free = np.flatnonzero(~self._sheets.covered[view][spans].any(axis=1))
        if (np.diff(places[free]) < len(key)).any():
            free = free[_apart(places[free], len(key))]
        if not free.size:
            return owners[:0], np.zeros(0)
        self._sheets.mark(view, spans[free].ravel())
        firsts, counts = _groups(owners[free])
        found = owners[free][firsts]
        mask = self._mask(key)
        tokens = max(1, sum(map(self._bits.__contains__, set(key))))
        old = np.bitwise_count(self._used[found] & mask).sum(axis=1)
        self._used[found] |= mask
        kept = 1 - self._repetition
        return found, kept + self._repetition * (1 - old / tokens) + kept * (counts - 1)

    def put_tokens(
        self, view: int, places: Places, owners: Places, tokens: Places
    ) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
        """Count single tokens where nothing lies; give passages, tokens and coefficients.

        Args:
            view: where the places are.
            places: of the tokens that count.
            owners: the passage of each place.
            tokens: what stands there.
        """
        free = ~self._sheets.covered[view][places]
        owners, tokens = owners[free], tokens[free]
        order = np.lexsort((tokens, owners))
        owners, tokens = owners[order], tokens[order]
        width = int(tokens.max(initial=0)) + 1
        firsts, counts = _groups(owners.astype(np.int64) * width + tokens)
        owners, tokens = owners[firsts], tokens[firsts]
        places_of_bits = np.full(width, -1)
        known = [(token, bit) for token, bit in self._bits.items() if token < width]
        if known:
            places_of_bits[[token for token, _ in known]] = [bit for _, bit in known]
        bits = places_of_bits[tokens]
        is_old = np.zeros(len(tokens), dtype=np.bool_)
        asked = np.flatnonzero(bits >= 0)
        words = self._used[owners[asked], bits[asked] // BITS]
        is_old[asked] = (words >> (bits[asked] % BITS).astype(np.uint64)) & np.uint64(1)
        kept = 1 - self._repetition
        return owners, tokens, np.where(is_old, kept, 1.0) + kept * (counts - 1)

    def _mask(self, key: tuple[int, ...]) -> npt.NDArray[np.uint64]:
        mask = np.zeros(self._used.shape[1], dtype=np.uint64)
        for token in key:
            bit = self._bits.get(token)
            if bit is not None:
                mask[bit // BITS] |= np.uint64(1 << bit % BITS)
        return mask


def _groups(values: Places) -> tuple[Int[np.ndarray, " run"], Int[np.ndarray, " run"]]:
    """Where each run of equal values begins, and how long it is."""
    firsts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
    return firsts, np.diff(np.append(firsts, len(values)))


def _apart(places: Places, length: int) -> list[int]:
    """Places, from the left, that do not overlap when each takes ``length``.

    >>> _apart(np.array([3, 4, 6, 7]), 2)
    [0, 2]
    """
    chosen: list[int] = []
    end = -1
    for number, place in enumerate(places.tolist()):
        if place >= end:
            chosen.append(number)
            end = place + length
    return chosen
