import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.retrievers.identifier_cover import Cover, Sheets

BETA = 0.8


def one_by_one(text, keys, beta):
    """The definition, for one passage: keys in their order, place by place."""
    covered, used, found = set(), set(), []
    for key in keys:
        places = []
        for place in range(len(text) - len(key) + 1):
            span = set(range(place, place + len(key)))
            if tuple(text[place : place + len(key)]) == key and not span & covered:
                covered |= span
                places.append(place)
        if places:
            new = len(set(key) - used) / len(set(key))
            found.append((key, 1 - beta + beta * new + (1 - beta) * (len(places) - 1)))
            used |= set(key)
        else:
            found.append((key, 0.0))
    for token in sorted(set(text)):
        free = [place for place, each in enumerate(text) if each == token and place not in covered]
        if free:
            found.append(((token,), (1.0 if token not in used else 1 - beta) + (1 - beta) * (len(free) - 1)))
    return found


def put_all(texts, keys, beta=BETA):
    flat = np.array([token for text in texts for token in (*text, -1)])
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    sheets = Sheets([len(flat)])
    cover = Cover(sheets, len(texts), [token for key in keys for token in key], beta)
    found = [[] for _ in texts]
    for key in keys:
        places = [p for p in range(len(flat)) if tuple(flat[p : p + len(key)]) == key]
        places = np.array(places, dtype=np.int64)
        got = dict(zip(*(each.tolist() for each in cover.put(key, 0, places, owner[places])), strict=True))
        for row, each in enumerate(found):
            each.append((key, got.get(row, 0.0)))
    places = np.flatnonzero(flat >= 0)
    for row, token, coefficient in zip(
        *cover.put_tokens(0, places, owner[places], flat[places]), strict=True
    ):
        found[row].append(((int(token),), float(coefficient)))
    sheets.clear()
    assert not sheets.covered[0].any()
    return found


token = st.integers(0, 4)


@given(
    st.lists(st.lists(token, max_size=9), min_size=1, max_size=4),
    st.lists(st.lists(token, min_size=1, max_size=4).map(tuple), max_size=6, unique=True),
    st.sampled_from([0.0, 0.8, 1.0]),
)
def test_all_passages_at_once_is_each_by_itself(texts, keys, beta):
    for text, found in zip(texts, put_all(texts, keys, beta), strict=True):
        expected = one_by_one(text, keys, beta)
        assert [key for key, _ in found] == [key for key, _ in expected]
        assert [each for _, each in found] == pytest.approx([each for _, each in expected])


def test_worked_by_hand():
    # Tokens 7 8 7 8 9: the key (7, 8) lies twice, 1 and then 0.2 more. (8, 9) finds its 8 covered. (9,) is
    # free and new: 1.
    found = put_all([[7, 8, 7, 8, 9]], [(7, 8), (8, 9), (9,)])
    assert found[0] == [((7, 8), pytest.approx(1.2)), ((8, 9), 0.0), ((9,), pytest.approx(1.0))]


def test_a_key_of_old_tokens_keeps_a_fifth():
    # (7, 8) lies first; the second 7 stands alone: its token counted before, in another key.
    assert put_all([[7, 8, 7]], [(7, 8), (7,)])[0][1] == ((7,), pytest.approx(0.2))


def test_more_tokens_than_one_word_of_bits_holds():
    keys = [(token,) for token in range(130)]
    found = put_all([[*range(130), 129]], keys)[0]
    assert found[0][1] == pytest.approx(1.0)
    assert found[129][1] == pytest.approx(1.2)


def test_views_are_covered_apart():
    sheets = Sheets([4, 4])
    cover = Cover(sheets, 1, [5], BETA)
    first, second = np.array([0]), np.array([0])
    assert cover.put((5,), 0, first, second)[1] == pytest.approx([1.0])
    assert cover.put((5,), 1, first, second)[1] == pytest.approx([0.2])
    assert cover.put((5,), 0, first, second)[1].size == 0
