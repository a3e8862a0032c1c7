from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from tests.data.ngrams.small_texts import LONGEST, make_index, ngrams_of, texts

some_ngrams = st.lists(st.lists(st.integers(-1, 5), max_size=LONGEST), max_size=12)


@given(texts)
def test_every_ngram_is_counted_as_by_hand(some):
    index, expected = make_index(some), ngrams_of(some)
    for length in range(1, LONGEST + 1):
        for tokens in product(range(4), repeat=length):
            assert index.count(tokens) == expected[tokens]


@given(texts)
def test_what_follows_an_ngram_is_what_stands_after_it(some):
    index, expected = make_index(some), ngrams_of(some)
    for tokens in [(), *(found for found in expected if len(found) < LONGEST)]:
        following, counts = index.next_tokens(index.range_of(tokens), len(tokens))
        after = {one[-1]: count for one, count in expected.items() if one[:-1] == tokens}
        assert dict(zip(following.tolist(), counts.tolist(), strict=True)) == after
        assert following.tolist() == sorted(after)


@given(texts)
def test_a_follower_is_the_range_of_the_longer_ngram(some):
    index = make_index(some)
    inner = [tokens for tokens in ngrams_of(some) if len(tokens) < LONGEST]
    ranges = [index.range_of(tokens) for tokens in inner]
    found = index.next_tokens_of(ranges, [len(tokens) for tokens in inner])
    for tokens, followers in zip(inner, found, strict=True):
        for token in followers.tokens.tolist():
            assert followers.range_of(token) == index.range_of((*tokens, token))
        low, high = followers.range_of(99)
        assert low == high


@given(texts, some_ngrams)
def test_many_ngrams_are_found_as_each_by_itself(some, wanted):
    index = make_index(some)
    lows, highs = index.ranges_of(wanted)
    for tokens, low, high in zip(wanted, lows.tolist(), highs.tolist(), strict=True):
        expected = index.range_of(tokens)
        assert high - low == expected[1] - expected[0]
        assert high == low or (low, high) == expected


@given(texts)
def test_places_lead_to_the_passages_that_have_the_ngram(some):
    index = make_index(some)
    for tokens, count in ngrams_of(some).items():
        places = index.places(index.range_of(tokens), 100)
        assert len(set(places.tolist())) == count
        found = Counter(index.rows(places).tolist())
        expected = Counter()
        for number, sequence in enumerate(some):
            expected[number // 2] += ngrams_of([sequence])[tokens]
        assert found == +expected
        np.testing.assert_array_equal(index.places(index.range_of(tokens), 1), places[:1])


@given(texts, st.lists(st.integers(0, 5), max_size=4))
def test_a_passage_is_read_back_from_the_text(some, rows):
    index = make_index(some)
    begins, ends, owners = index.sequences_of(np.array(rows, dtype=np.int64))
    found = [
        (owner, index.text[begin:end].tolist())
        for begin, end, owner in zip(begins, ends, owners.tolist(), strict=True)
    ]
    assert found == [(row, tokens) for row in rows for tokens in some[2 * row : 2 * row + 2]]


@settings(max_examples=20)
@given(st.lists(st.lists(st.integers(0, 1), min_size=60, max_size=90), min_size=4, max_size=6), st.data())
def test_long_ranges_are_cut_into_pieces_without_loss(some, data):
    # Ranges of more than a hundred places, so that they are cut at least once.
    longest = 6
    index, expected = make_index(some, longest, vocabulary=2), ngrams_of(some, longest)
    tokens = data.draw(st.sampled_from(sorted(found for found in expected if len(found) < longest)))
    following, counts = index.next_tokens(index.range_of(tokens), len(tokens))
    after = {one[-1]: count for one, count in expected.items() if one[:-1] == tokens}
    assert dict(zip(following.tolist(), counts.tolist(), strict=True)) == after


def test_ngrams_worked_by_hand():
    # Passage 0: 1 2 1 and 2; passage 1: 2 1.
    index = make_index([[1, 2, 1], [2], [2, 1]])
    assert index.size == 6
    assert index.count((1,)) == 3
    assert index.count((2, 1)) == 2
    # 1 ends the first sequence, 2 is the second: no n-gram crosses the end.
    assert index.count((1, 2)) == 1
    tokens, counts = index.next_tokens(index.range_of((2,)), 1)
    assert (tokens.tolist(), counts.tolist()) == ([1], [2])
    # 2 1 stands at place 1; after the ends at 3 and 5, the last sequence begins at 6.
    places = index.places(index.range_of((2, 1)), 9)
    assert sorted(places.tolist()) == [1, 6]
    assert index.rows(places).tolist() == [0, 1]


def test_the_same_sequence_is_placed_in_the_order_of_its_rows():
    index = make_index([[0, 1], [3], [0, 1], [3], [0, 1]])
    assert index.rows(index.places(index.range_of((0, 1)), 2)).tolist() == [0, 1]


def test_an_index_of_nothing_answers():
    index = make_index([])
    assert index.count((1,)) == 0
    assert index.next_tokens(index.everything, 0)[0].tolist() == []
    assert index.rows(index.places(index.everything, 3)).tolist() == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.count([1] * 5),
        lambda index: index.ranges_of([[1], [1] * 5]),
        lambda index: index.next_tokens(index.range_of([1] * 4), 4),
    ],
)
def test_an_ngram_longer_than_the_index_knows_is_refused(ask):
    index = make_index([[1] * 9])
    with pytest.raises(InputError, match="found an n-gram of 5 tokens asked for; expected at most 4"):
        ask(index)
