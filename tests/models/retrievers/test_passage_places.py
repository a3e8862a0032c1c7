import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.ngrams.build import Sequences, build
from data.ngrams.index import NgramIndex
from models.retrievers.passage_places import PassagePlaces

token = st.integers(0, 3)
passages = st.lists(st.lists(st.lists(token, max_size=6), max_size=3), min_size=1, max_size=5)


def index_of(folder, texts):
    """An index of passages, each of some sequences."""
    folder.mkdir(exist_ok=True)
    flat = [(row, each) for row, sequences in enumerate(texts) for each in sequences]
    part = Sequences(
        np.array([token for _, each in flat for token in each], dtype=np.int32),
        np.array([len(each) for _, each in flat], dtype=np.int64),
        np.array([row for row, _ in flat], dtype=np.int64),
    )
    build(folder, [part], longest=3, vocabulary=4, vocabulary_digest="any")
    return NgramIndex.open(folder)


@given(passages, st.lists(token, min_size=1, max_size=3))
def test_reading_chosen_passages_finds_what_the_index_finds(tmp_path_factory, texts, key):
    index = index_of(tmp_path_factory.mktemp("index"), texts)
    places = PassagePlaces(index)
    (everywhere,) = places.of_keys([index.range_of(key)])
    assert np.all(np.diff(everywhere[0]) > 0)
    for rows in (np.arange(len(texts)), np.arange(0, len(texts), 2)):
        where, owners = places.text_of(rows).find(key)
        is_asked = np.isin(everywhere[1], rows)
        assert where.tolist() == everywhere[0][is_asked].tolist()
        assert rows[owners].tolist() == everywhere[1][is_asked].tolist()


@given(passages)
def test_text_of_a_passage_is_its_sequences(tmp_path_factory, texts):
    places = PassagePlaces(index_of(tmp_path_factory.mktemp("index"), texts))
    for row, sequences in enumerate(texts):
        assert [each.tolist() for each in places.sequences_of(row)] == sequences
        tokens = places.text_of(np.array([row])).tokens
        assert places.lengths(np.array([row])).tolist() == [len(tokens)]
        assert tokens.tolist() == [token for each in sequences for token in each]


def test_worked_by_hand(tmp_path):
    places = PassagePlaces(index_of(tmp_path / "index", [[[1, 2]], [[2, 1], [2]]]))
    text = places.text_of(np.array([0, 1]))
    # The end of a sequence stands at 2, 5 and 7.
    assert text.places.tolist() == [0, 1, 3, 4, 6]
    assert text.owners.tolist() == [0, 0, 1, 1, 1]
    assert [each.tolist() for each in text.find([1, 2])] == [[0], [0]]
    assert places.rows == 2
    assert places.length == 8
    assert places.lengths(np.array([1, 0])).tolist() == [3, 2]
    assert places.mean_length == 2.5


def test_no_key_has_no_places(tmp_path):
    assert PassagePlaces(index_of(tmp_path / "index", [[[1]]])).of_keys([]) == []


@pytest.mark.parametrize("row", [0, 1])
def test_a_passage_without_text_has_no_sequence(tmp_path, row):
    places = PassagePlaces(index_of(tmp_path / "index", [[], []]))
    assert places.sequences_of(row) == []
    assert places.lengths(np.array([row])).tolist() == [0]
    assert places.mean_length == 1
    assert places.rows == 0
