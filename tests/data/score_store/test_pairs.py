import hashlib

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data.score_store.pairs import SCORES, pair_frame, prefixes, text_hashes, to_shard

TEXTS = st.lists(st.text(max_size=20), max_size=8)


@given(TEXTS)
def test_a_hash_is_of_the_text_alone(texts):
    found = text_hashes(texts)
    assert [bytes(each) for each in found] == [
        hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts
    ]


@given(TEXTS.filter(len))
def test_a_pair_is_found_where_it_was_put(texts):
    hashes = text_hashes(texts)
    frame = pair_frame(hashes, hashes[::-1])
    assert frame["query"].to_list() == [bytes(each) for each in hashes]
    assert frame["passage"].to_list() == [bytes(each) for each in hashes[::-1]]


def test_a_shard_is_sorted_and_holds_a_pair_once():
    hashes = text_hashes(["a", "b", "a"])
    rows = pair_frame(hashes, hashes).with_columns(score=pl.Series([1.0, 2.0, 1.0], dtype=pl.Float32))
    shard = to_shard(rows)
    assert shard.schema == SCORES
    assert shard.num_rows == 2
    assert shard["query"].to_pylist() == sorted(shard["query"].to_pylist())


def test_prefixes_are_distinct_and_ascending():
    assert prefixes([b"\x00" * 7 + b"\x02" + b"x" * 8, b"\x00" * 7 + b"\x01" + b"y" * 8] * 2).tolist() == [
        1,
        2,
    ]
