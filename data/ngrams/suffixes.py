"""Order the places of a text by what is read from there on, as far as the longest n-gram.

    rank_k(i) = order of the k tokens from place i;    rank_2k(i) = order of (rank_k(i), rank_k(i + k))

The first ranks come from as many tokens as fit into 64 bits; each round then doubles how far is read, and the
last is the first that reaches the longest n-gram. What is read ends where its sequence does; places that read
the same are in their own order. Four bytes a token of text become about 50 while it runs.

Source: Manber and Myers 1993, "Suffix arrays: a new method for on-line string searches"
"""

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int32]
KEY_BITS = 64


def sorted_suffixes(text: Places, left: Places, longest: int, vocabulary: int) -> Places:
    """Give all places but those of ends, ordered.

    Args:
        text: tokens, and ``END`` after each sequence.
        left: tokens from each place to the end of its sequence; 0 at an end.
        longest: tokens of the longest n-gram that will be asked for.
        vocabulary: tokens are below this number.

    >>> text = np.array([1, 0, 1, -1, 0, -1], dtype=np.int32)  # 1 0 1 and 0
    >>> sorted_suffixes(text, np.array([3, 2, 1, 0, 1, 0], dtype=np.int32), 4, 2)  # 0, 0 1, 1, 1 0 1
    array([4, 1, 2, 0], dtype=int32)
    """
    bits = vocabulary.bit_length()
    reach = min(longest, KEY_BITS // bits)
    keys = _packed(text, left, reach, bits)
    while True:
        # Stable: the order of ties decides bytes, and must not hang on the machine.
        order = np.argsort(keys, kind="stable").astype(np.int32)
        ranks = _ranks(keys, order)
        ends = int(np.count_nonzero(left == 0))
        if reach >= longest or (len(order) and ranks[order[-1]] == len(order) - ends):
            return order[ends:]
        keys = _doubled(ranks, left, reach)
        reach *= 2


def _packed(text: Places, left: Places, reach: int, bits: int) -> npt.NDArray[np.uint64]:
    """The first ``reach`` tokens from each place as one number; after the end there are zeros."""
    keys = np.zeros(len(text), dtype=np.uint64)
    for step in range(reach):
        keys <<= np.uint64(bits)
        here = keys[: max(0, len(text) - step)]
        here |= np.where(left[: len(here)] > step, text[step:] + 1, 0).astype(np.uint64)
    return keys


def _ranks(keys: npt.NDArray[np.uint64], order: Places) -> Places:
    """The order of each place's key: 0 for the ends, equal for equal keys."""
    keys = keys[order]
    steps = np.zeros(len(order), dtype=np.int32)
    np.cumsum(keys[1:] != keys[:-1], out=steps[1:])
    if len(keys) and keys[0]:
        steps += 1  # a text without ends
    ranks = np.empty_like(steps)
    ranks[order] = steps
    return ranks


def _doubled(ranks: Places, left: Places, reach: int) -> npt.NDArray[np.uint64]:
    keys = ranks.astype(np.uint64)
    keys <<= np.uint64(KEY_BITS // 2)
    here = keys[: max(0, len(ranks) - reach)]
    here |= np.where(left[: len(here)] > reach, ranks[reach:], 0).astype(np.uint64)
    return keys
