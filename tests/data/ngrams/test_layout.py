import json

import numpy as np
import pytest
from hypothesis import given

from data.errors import ArtifactDamaged
from data.ngrams.index import NgramIndex
from data.ngrams.layout import HEADER, read
from data.seals import sealed, unsealed
from tests.data.ngrams.small_texts import make_index, texts


@given(texts)
def test_what_is_read_has_the_lengths_that_the_header_says(some):
    header, arrays = read(make_index(some).folder)
    assert {name: len(values) for name, values in arrays.items()} == header.lengths()


@pytest.fixture
def folder():
    return make_index([[1, 2, 1], [2]]).folder


def rewrite(folder, **changes):
    header = json.loads(unsealed((folder / HEADER).read_bytes())) | changes
    (folder / HEADER).write_bytes(sealed(json.dumps(header, indent=1).encode()))


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"kind": "trie"}, {"tokens": "many"}, {"more": 1}],
    ids=lambda change: next(iter(change)),
)
def test_a_header_of_another_version_is_refused(folder, change):
    rewrite(folder, **change)
    with pytest.raises(
        ArtifactDamaged, match=r"header.json: found an unusable header .*; expected .*version 1"
    ):
        NgramIndex.open(folder)


def test_a_flipped_byte_of_the_header_is_found(folder):
    content = (folder / HEADER).read_bytes()
    (folder / HEADER).write_bytes(content.replace(b'"tokens": 4', b'"tokens": 5'))
    with pytest.raises(
        ArtifactDamaged, match=r"other bytes than those that were sealed.*Build the index anew"
    ):
        NgramIndex.open(folder)


@pytest.mark.parametrize("name", [HEADER, "text.npy", "pair_starts.npy"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ArtifactDamaged, match=name):
        NgramIndex.open(folder)


def test_an_array_cut_short_is_named(folder):
    (folder / "text.npy").write_bytes((folder / "text.npy").read_bytes()[:-3])
    with pytest.raises(ArtifactDamaged, match=r"text.npy: found no readable array"):
        NgramIndex.open(folder)


@pytest.mark.parametrize("values", [np.zeros(3, np.int32), np.zeros(6, np.float32)])
def test_an_array_of_another_length_or_kind_is_refused(folder, values):
    np.save(folder / "text.npy", values)
    with pytest.raises(ArtifactDamaged, match=r"text.npy: found .*; expected 6 integers"):
        NgramIndex.open(folder)
