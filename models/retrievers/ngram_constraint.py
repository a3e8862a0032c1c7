"""Only what an index of n-grams holds may be written.

    legal(y) = {v : the n-gram  prefix y v  occurs}

Without an end every n-gram that occurs may stand as it is; with one, only what reaches the end of a sequence.
A prefix that is given and not written anchors an n-gram: at the start of a sequence, if that is a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data.ngrams.index import Followers, NgramIndex, Range

NOTHING = np.zeros(0, dtype=np.int32)


@dataclass(eq=False)
class Prefix:
    """What is written so far, as the index sees it; what may follow is looked up once."""

    ngram: Range
    depth: int
    last: int | None = None
    followers: Followers | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """How often it occurs."""
        return self.ngram[1] - self.ngram[0]


class NgramConstraint:
    """Constrains a beam (``models.retrievers.constrained_beam``) to n-grams of an index."""

    def __init__(self, index: NgramIndex, prefix: Sequence[int] = (), end: int | None = None) -> None:
        """Constrain to the n-grams of up to as many tokens as the index knows, the prefix among them.

        Args:
            index: of n-grams.
            prefix: tokens that stand before what is written.
            end: the token after which a hypothesis is whole; None: any is.
        """
        self._index = index
        self._end = end
        self.start = Prefix(index.range_of(prefix), len(prefix))

    def legal(self, states: Sequence[Prefix]) -> list[npt.NDArray[np.integer]]:
        """Tokens that may follow each prefix, ascending; those of equal prefixes are looked up together."""
        unknown: dict[tuple[Range, int], list[Prefix]] = {}
        for state in states:
            if state.followers is None and state.depth < self._index.longest:
                unknown.setdefault((state.ngram, state.depth), []).append(state)
        ngrams, depths = [ngram for ngram, _ in unknown], [depth for _, depth in unknown]
        looked_up = self._index.next_tokens_of(ngrams, depths) if unknown else []
        for alike, followers in zip(unknown.values(), looked_up, strict=True):
            for state in alike:
                state.followers = followers
        return [NOTHING if state.followers is None else state.followers.tokens for state in states]

    def after(self, state: Prefix, token: int) -> Prefix:
        """The prefix with one of its legal tokens."""
        if state.followers is None:
            return Prefix(self._index.extend(state.ngram, state.depth, token), state.depth + 1, token)
        return Prefix(state.followers.range_of(token), state.depth + 1, token)

    def is_whole(self, state: Prefix) -> bool:
        """Say whether what is written may stand as it is."""
        return self._end is None or state.last == self._end
