import json

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.digests import FileDigests
from data.score_store.compaction import compact
from data.score_store.pairs import PAIR, pair_frame, text_hashes
from data.score_store.shards import ScoreShards

NAMES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz")), min_size=1, max_size=8, unique=True
)


def rows_of(pairs):
    queries, passages = zip(*pairs, strict=True)
    return pair_frame(text_hashes(queries), text_hashes(passages))


@given(stored=st.lists(NAMES, max_size=4), asked=NAMES)
def test_what_was_stored_is_found_and_nothing_else(tmp_path_factory, stored, asked):
    folder = tmp_path_factory.mktemp("scores")
    shards = ScoreShards(folder, FileDigests(folder / "digests.json"))
    truth = {}
    for names in stored:
        scores = [float(ord(query) * ord(passage)) for query, passage in names]
        truth.update(zip(names, scores, strict=True))
        shards.add(
            shards.write(rows_of(names).with_columns(score=pl.Series(scores, dtype=pl.Float32))), {}, {}, 0.0
        )
    found = ScoreShards(folder, shards.digests).look_up(rows_of(asked))
    wanted = rows_of(asked).with_columns(
        truth=pl.Series([truth.get(pair) for pair in asked], dtype=pl.Float32)
    )
    joined = wanted.join(found, on=PAIR, how="left", maintain_order="left")
    assert joined["score"].to_list() == joined["truth"].to_list()


def test_a_shard_that_the_manifest_does_not_name_does_not_exist(shards, pairs):
    shards.write(pairs("a x", scores=[1.0]))
    assert shards.look_up(pairs("a x")).is_empty()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_broken_manifest_costs_no_score(shards, pairs, keep, place):
    kept = keep(pairs("a x", scores=[1.0]))
    damaged = keep(pairs("b x", scores=[2.0]))
    path = shards.folder / damaged.name
    path.write_bytes(path.read_bytes()[:-1])
    manifest = shards.folder / "manifest.json"
    content = bytearray(manifest.read_bytes())
    content[int(place * len(content))] ^= 1
    manifest.write_bytes(content)
    assert shards.is_broken()
    assert shards.manifest().shards == (kept,)  # what its name says is what it is
    assert shards.look_up(pairs("a x", "b x"))["score"].to_list() == [1.0]
    keep(pairs("b x", scores=[2.0]))
    assert not shards.is_broken()
    assert shards.look_up(pairs("a x", "b x")).height == 2


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_shard_is_forgotten_and_the_others_are_not(shards, pairs, keep, harm, caplog):
    bad = keep(pairs("a x", "a y", scores=[1.0, 2.0]))
    keep(pairs("b x", scores=[3.0]))
    path = shards.folder / bad.name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(content if harm == "flip" else content[:-1])
    found = shards.look_up(pairs("a x", "a y", "b x"))
    assert found["score"].to_list() == [3.0]
    assert "its 2 pairs will be scored again" in caplog.text
    assert [shard.rows for shard in shards.manifest().shards] == [1]


def test_only_shards_that_may_help_are_read(shards, pairs, keep, monkeypatch):
    first = keep(pairs("a x", scores=[1.0]))
    keep(pairs("b x", scores=[2.0]))
    read = []
    original = pq.read_table
    monkeypatch.setattr(pq, "read_table", lambda path: read.append(path.name) or original(path))
    assert shards.look_up(pairs("a x", "a y")).height == 1
    assert read == [first.name]


def test_a_shard_that_holds_no_wanted_query_is_looked_at_once(shards, pairs, keep, monkeypatch):
    keep(pairs("a x", scores=[1.0]))
    keep(pairs("b x", scores=[2.0]))
    kept = keep(pairs("c x", scores=[3.0]))
    looked = []
    original = shards.damage
    monkeypatch.setattr(shards, "damage", lambda shard: looked.append(shard) or original(shard))
    for _ in range(3):
        assert shards.look_up(pairs("c x"))["score"].to_list() == [3.0]
    assert looked == [*shards.manifest().shards, kept, kept, kept]  # each once, then what is opened


def test_a_byte_that_flips_after_the_first_look_is_found_when_the_shard_is_opened(shards, pairs, keep):
    bad = keep(pairs("a x", scores=[1.0]))
    keep(pairs("b x", scores=[2.0]))
    assert shards.look_up(pairs("a x", "b x")).height == 2
    path = shards.folder / bad.name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert shards.look_up(pairs("b x")).height == 1  # nobody opens it
    assert bad in shards.manifest().shards
    assert shards.look_up(pairs("a x", "b x"))["score"].to_list() == [2.0]
    assert bad not in shards.manifest().shards
    keep(pairs("a x", scores=[1.0]))  # the same bytes under the same name
    assert shards.look_up(pairs("a x", "b x")).height == 2


def test_shards_that_another_process_merges_are_still_found(shards, pairs, keep, monkeypatch):
    keep(pairs("a x", "b y", scores=[1.0, 2.0]))
    keep(pairs("a y", "b x", scores=[3.0, 4.0]))
    asked = pairs("a x", "a y", "b x", "b y")
    assert shards.look_up(asked).height == 4
    other = ScoreShards(shards.folder, FileDigests(shards.folder / "digests.json"))
    original = pq.read_table

    def merge_first(path):
        monkeypatch.setattr(pq, "read_table", original)
        assert compact(other).shards_after == 1
        return original(path)  # which is gone

    monkeypatch.setattr(pq, "read_table", merge_first)
    assert shards.look_up(asked)["score"].sort().to_list() == [1.0, 2.0, 3.0, 4.0]
    assert len(shards.manifest().shards) == 1


def test_the_manifest_tells_people_what_the_scores_are(shards, pairs, keep):
    keep(pairs("a x", "a y", scores=[1.0, 2.0]))
    told = json.loads((shards.folder / "manifest.json").read_text())
    assert (told["teacher"], told["how"]) == ({"name": "t"}, {"attention": "eager"})
    assert shards.manifest().rows == 2
    assert shards.manifest().pairs_per_s == 2.0


def test_equal_rows_are_one_file(shards, pairs, keep):
    first = keep(pairs("a x", "b y", scores=[1.0, 2.0]))
    again = keep(pairs("b y", "a x", scores=[2.0, 1.0]))
    assert first == again
    assert len(shards.manifest().shards) == 1
