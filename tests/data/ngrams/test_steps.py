import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.ngrams.layout import END
from data.ngrams.steps import Suffixes

# Ascending runs, long ones too, so that a range is cut more than once.
runs = st.dictionaries(st.integers(END, 40), st.integers(1, 400), min_size=1, max_size=20)


def ascending(lengths):
    return np.array([token for token in sorted(lengths) for _ in range(lengths[token])])


@given(st.lists(runs, min_size=1, max_size=4), st.integers(0, 99))
def test_steps_are_where_another_token_begins(several, seed):
    # The order of the suffixes is a shuffle of the places; the ranges lie one after the other.
    parts = [ascending(lengths) for lengths in several]
    order = np.random.default_rng(seed).permutation(sum(map(len, parts)))
    text = np.empty(len(order) + 2, dtype=np.int64)
    text[order + 2] = np.concatenate(parts)
    highs = np.cumsum([len(part) for part in parts])
    lows = highs - [len(part) for part in parts]
    found = Suffixes(text, order).steps(lows, highs, np.full(len(parts), 2))
    for part, low, high, (tokens, bounds) in zip(parts, lows, highs, found, strict=True):
        expected, starts = np.unique(part, return_index=True)
        is_token = expected != END
        assert tokens.tolist() == expected[is_token].tolist()
        assert bounds.tolist() == [*(starts[is_token] + low).tolist(), high]


@given(runs, st.integers(-2, 42))
def test_the_first_at_least_is_the_first(lengths, token):
    tokens = ascending(lengths)
    found = Suffixes(tokens, np.arange(len(tokens))).first_at_least(
        np.array([0]), np.array([len(tokens)]), 0, np.array([token])
    )
    assert found.tolist() == [int((tokens < token).sum())]
