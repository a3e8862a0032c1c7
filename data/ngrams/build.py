"""Build the index of all n-grams of some sequences of tokens, once, as a folder that is then only read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.ngrams.layout import END, Header, IntArray, write
from data.ngrams.suffixes import Places, sorted_suffixes

# Neighbours that are compared at a time: little beside the index.
CHUNK = 1_000_000
MOST_TOKENS = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Sequences:
    """Sequences of tokens one after the other, and the row of the passage that each belongs to, ascending."""

    tokens: IntArray
    lengths: IntArray
    rows: IntArray


def build(
    folder: Path,
    parts: Iterable[Sequences],
    *,
    longest: int,
    vocabulary: int,
    vocabulary_digest: str,
) -> Header:
    """Write the index; equal sequences give equal bytes.

    Args:
        folder: that exists.
        parts: the sequences, in the order of their rows; a sequence may be empty.
        longest: tokens of the longest n-gram that may be asked for.
        vocabulary: tokens are at least 0 and below this number.
        vocabulary_digest: of what the tokens stand for.

    Raises:
        InputError: there are tokens beyond the vocabulary, or more than 2³¹ − 1.
    """
    text, starts, rows = _joined(parts)
    _refuse(text, starts, vocabulary)
    ends = starts[1:] - 1
    left = np.repeat(ends, np.diff(starts)).astype(np.int32)
    left -= np.arange(len(text), dtype=np.int32)
    suffixes = sorted_suffixes(text, left, longest, vocabulary)
    firsts = _firsts(text, vocabulary)
    pair_starts = _pair_starts(text, suffixes)
    pairs = np.searchsorted(pair_starts, firsts)
    header = Header(
        tokens=len(suffixes),
        sequences=len(rows),
        ngrams=_distinct(text, suffixes, np.minimum(left, longest), longest),
        pairs=len(pair_starts),
        longest=longest,
        vocabulary=vocabulary,
        vocabulary_digest=vocabulary_digest,
    )
    arrays: dict[str, IntArray] = {"text": text, "suffixes": suffixes, "starts": starts, "rows": rows}
    arrays |= {"firsts": firsts, "pairs": pairs, "pair_starts": pair_starts.astype(np.int32)}
    arrays["pair_tokens"] = text[suffixes[pair_starts] + 1]
    write(folder, header, arrays)
    return header


def _joined(parts: Iterable[Sequences]) -> tuple[Places, IntArray, Places]:
    """The text with its ends, the place where each sequence starts and the row of each."""
    tokens, lengths, rows = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for part in parts:
        tokens.append(part.tokens.astype(np.int32))
        lengths.append(part.lengths.astype(np.int64))
        rows.append(part.rows.astype(np.int32))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths) + 1)])
    text = np.full(int(starts[-1]), END, dtype=np.int32)
    is_token = np.ones(len(text), dtype=np.bool_)
    is_token[starts[1:] - 1] = False
    text[is_token] = np.concatenate(tokens)
    return text, starts, np.concatenate(rows)


def _refuse(text: Places, starts: IntArray, vocabulary: int) -> None:
    if len(text) > MOST_TOKENS:
        raise InputError(
            where="index of n-grams",
            found=f"{len(text)} tokens and ends",
            expected=f"at most {MOST_TOKENS}",
            advice="Set identify.body_max_tokens, or index a part of the collection.",
        )
    tokens = np.delete(text, starts[1:] - 1)
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < vocabulary:
        raise InputError(
            where="index of n-grams",
            found=f"tokens from {tokens.min()} to {tokens.max()}",
            expected=f"0 to {vocabulary - 1}",
            advice="Give the size of the vocabulary that the tokens are of.",
        )


def _firsts(text: Places, vocabulary: int) -> IntArray:
    """Where the suffixes of each first token begin, and after the last their number."""
    counts = np.bincount(text[text != END], minlength=vocabulary)
    return np.concatenate([[0], np.cumsum(counts)])


def _pair_starts(text: Places, suffixes: Places) -> IntArray:
    """Where the suffixes of each pair of tokens begin; a token at an end begins none."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(suffixes), CHUNK):
        some = suffixes[max(0, start - 1) : start + CHUNK]
        one, two = text[some], text[some + 1]
        is_new = np.ones(len(some), dtype=np.bool_)
        is_new[1:] = (one[1:] != one[:-1]) | (two[1:] != two[:-1])
        is_new[0] = start == 0
        found.append(np.flatnonzero(is_new & (two != END)) + max(0, start - 1))
    return np.concatenate(found)


def _distinct(text: Places, suffixes: Places, lengths: Places, longest: int) -> int:
    """Number of distinct n-grams: a suffix adds those beginnings that the one before does not share."""
    shared = 0
    for start in range(1, len(suffixes), CHUNK):
        later = suffixes[start : start + CHUNK]
        earlier = suffixes[start - 1 : start - 1 + len(later)]
        for step in range(longest):
            token = text[later + step]
            is_shared: npt.NDArray[np.bool_] = (token == text[earlier + step]) & (token != END)
            later, earlier = later[is_shared], earlier[is_shared]
            shared += len(later)
    return int(lengths.sum(dtype=np.int64)) - shared
