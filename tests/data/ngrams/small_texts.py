"""Texts over a small alphabet, in which n-grams recur, and what anyone can read off them."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from data.ngrams.build import Sequences, build
from data.ngrams.index import NgramIndex

texts = st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=8)
LONGEST = 4
# Of one test process; it goes with it.
INDEXES = tempfile.TemporaryDirectory(prefix="ngrams-")


def sequences(some, first_row=0):
    """Two sequences to a passage."""
    return Sequences(
        np.array([token for tokens in some for token in tokens], dtype=np.int64),
        np.array([len(tokens) for tokens in some], dtype=np.int64),
        np.arange(len(some)) // 2 + first_row,
    )


def make_index(some, longest=LONGEST, vocabulary=4):
    folder = Path(tempfile.mkdtemp(dir=INDEXES.name))
    build(folder, [sequences(some)], longest=longest, vocabulary=vocabulary, vocabulary_digest="abc")
    return NgramIndex.open(folder)


def ngrams_of(some, longest=LONGEST):
    """Every n-gram with how often it occurs."""
    return Counter(
        tuple(tokens[start : start + length])
        for tokens in some
        for start in range(len(tokens))
        for length in range(1, min(longest, len(tokens) - start) + 1)
    )
