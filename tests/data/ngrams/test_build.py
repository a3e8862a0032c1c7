import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.ngrams.build import Sequences, build
from data.ngrams.index import NgramIndex
from tests.data.ngrams.small_texts import make_index, ngrams_of, sequences, texts

SETTINGS = {"longest": 4, "vocabulary": 4, "vocabulary_digest": "abc"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=30)
@given(texts)
def test_equal_sequences_give_equal_bytes(some):
    assert contents(make_index(some).folder) == contents(make_index(some).folder)


@given(texts, st.integers(0, 4))
def test_parts_change_nothing(tmp_path_factory, some, cut):
    folder = tmp_path_factory.mktemp("parts")
    parts = [sequences(some[: 2 * cut]), sequences(some[2 * cut :], first_row=len(some[: 2 * cut]) // 2)]
    build(folder, parts, **SETTINGS)
    assert contents(folder) == contents(make_index(some).folder)


@given(texts)
def test_the_header_counts_tokens_sequences_and_distinct_ngrams(some):
    header = make_index(some).header
    assert header.tokens == sum(map(len, some))
    assert header.sequences == len(some)
    assert header.ngrams == len(ngrams_of(some))
    assert header.pairs == sum(len(tokens) == 2 for tokens in ngrams_of(some))


def test_chunks_change_no_count(monkeypatch):
    some = np.random.default_rng(0).integers(0, 3, (5, 20)).tolist()
    whole = contents(make_index(some).folder)
    monkeypatch.setattr("data.ngrams.build.CHUNK", 7)
    assert contents(make_index(some).folder) == whole


def test_an_opened_index_is_read_from_the_disk(tmp_path):
    build(tmp_path, [sequences([[1, 2, 3]])], **SETTINGS)
    index = NgramIndex.open(tmp_path)
    assert index.index_bytes == sum(map(len, contents(tmp_path).values()))
    assert not index.places(index.everything, 9).flags.writeable


@pytest.mark.parametrize("token", [4, -1])
def test_tokens_beyond_the_vocabulary_are_refused(tmp_path, token):
    wild = Sequences(np.array([0, token]), np.array([2]), np.array([0]))
    with pytest.raises(InputError, match=r"found tokens from .* to .*; expected 0 to 3"):
        build(tmp_path, [wild], **SETTINGS)
    assert not contents(tmp_path)


def test_more_tokens_than_places_can_be_numbered_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("data.ngrams.build.MOST_TOKENS", 3)
    with pytest.raises(InputError, match="found 4 tokens and ends; expected at most 3"):
        build(tmp_path, [sequences([[1, 2, 3]])], **SETTINGS)
