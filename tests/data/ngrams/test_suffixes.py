import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.ngrams.suffixes import sorted_suffixes
from tests.data.ngrams.small_texts import texts


def laid_out(some):
    text = [symbol for tokens in some for symbol in (*tokens, -1)]
    left = [count for tokens in some for count in range(len(tokens), -1, -1)]
    return np.array(text, dtype=np.int32), np.array(left, dtype=np.int32)


@given(texts, st.integers(1, 9), st.sampled_from([4, 1000, 2**31 - 1]))
def test_places_are_in_the_order_of_what_is_read_there(some, longest, vocabulary):
    # A large vocabulary packs one or two tokens at first, so that rounds of doubling follow.
    text, left = laid_out(some)
    found = sorted_suffixes(text, left, longest, vocabulary).tolist()
    read = {place: tuple(text[place : place + left[place]].tolist()) for place in np.flatnonzero(left)}
    assert sorted(found) == sorted(read)
    ngrams = [read[place][:longest] for place in found]
    assert ngrams == sorted(ngrams)


@given(texts)
def test_places_that_read_the_same_are_in_their_own_order(some):
    text, left = laid_out(some)
    whole = [(tuple(text[p : p + left[p]].tolist()), p) for p in np.flatnonzero(left).tolist()]
    assert sorted_suffixes(text, left, 8, 4).tolist() == [place for _, place in sorted(whole)]


def test_suffixes_worked_by_hand():
    # "1 0 1" and "0": 0 (place 4), 0 1 (1), 1 (2), 1 0 1 (0).
    text, left = laid_out([[1, 0, 1], [0]])
    assert sorted_suffixes(text, left, 3, 2).tolist() == [4, 1, 2, 0]
