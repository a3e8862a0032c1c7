import os

import polars as pl
import pytest

from data.score_store.pairs import pair_frame, text_hashes
from data.score_store.shards import ScoreShards
from data.upkeep.scores import check_scores, compact_scores, forget_teacher, scored_teachers


@pytest.fixture
def teacher(store):
    """Three shards of one pair each."""
    shards = ScoreShards(store.root / "scores" / "abc", store.digests)
    for name in ("x", "y", "z"):
        pairs = pair_frame(text_hashes(["q"]), text_hashes([name]))
        shards.add(shards.write(pairs.with_columns(score=pl.lit(1.0, pl.Float32))), {}, {}, 1.0)
    return shards


def test_every_shard_is_looked_at_and_a_flipped_byte_is_found_and_costs_its_pairs_alone(store, teacher):
    assert [each.damage for each in check_scores(store)] == [None] * 3
    path = teacher.folder / teacher.manifest().shards[1].name
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # without a trace
    (harm,) = [each.damage for each in check_scores(store) if each.damage]
    assert (harm.stage, harm.key, harm.file) == ("scores", "abc", path.name)
    assert "its pairs again and no others" in harm.advice
    asked = pair_frame(text_hashes(["q"] * 3), text_hashes(["x", "y", "z"]))
    assert ScoreShards(teacher.folder, store.digests).look_up(asked).height == 2


def test_a_flipped_byte_of_the_manifest_is_found(store, teacher):
    path = teacher.folder / "manifest.json"
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    found = [each.damage.file for each in check_scores(store) if each.damage]
    assert found == ["manifest.json"]


def test_small_shards_are_merged_once(store, teacher):
    ((folder, done),) = list(compact_scores(store))
    assert (folder, done.shards_before, done.shards_after) == (teacher.folder, 3, 1)
    assert list(compact_scores(store)) == []


def test_a_teacher_that_is_forgotten_is_gone(store, teacher):
    assert forget_teacher(teacher.folder) > 0
    assert scored_teachers(store) == []
