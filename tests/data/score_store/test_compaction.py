import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data.digests import FileDigests
from data.score_store.claims import Claims
from data.score_store.compaction import compact
from data.score_store.pairs import pair_frame, text_hashes
from data.score_store.shards import ScoreShards


@given(sizes=st.lists(st.integers(1, 6), max_size=6), merged_rows=st.integers(1, 12))
def test_every_score_is_still_there(tmp_path_factory, sizes, merged_rows):
    folder = tmp_path_factory.mktemp("scores")
    shards = ScoreShards(folder / "t", FileDigests(folder / "digests.json"))
    shards.folder.mkdir()
    texts = [f"text {n}" for n in range(sum(sizes))]
    everything = pair_frame(text_hashes(texts), text_hashes(texts))
    everything = everything.with_columns(score=pl.int_range(len(texts)).cast(pl.Float32))
    start = 0
    for size in sizes:
        shards.add(shards.write(everything.slice(start, size)), {}, {}, 0.0)
        start += size
    done = compact(shards, merged_rows)
    found = shards.look_up(everything.select("query", "passage"))
    assert found.sort("score").equals(everything.sort("score"))
    assert done.shards_after == len(shards.manifest().shards) <= done.shards_before == len(sizes)
    assert done.strays == 0
    assert len(list(shards.folder.glob("*.parquet"))) == done.shards_after


def test_two_small_shards_become_one_and_a_large_one_stays(shards, pairs, keep):
    large = keep(pairs("a u", "a v", "a w", scores=[1, 2, 3]))
    keep(pairs("b u", scores=[4]))
    keep(pairs("c u", "b u", scores=[5, 4]))
    compact(shards, merged_rows=6)
    assert [shard.rows for shard in shards.manifest().shards] == [3, 2]  # b u was there twice
    assert shards.manifest().shards[0] == large


def test_strays_go_unless_somebody_is_scoring(shards, pairs, keep):
    keep(pairs("a u", scores=[1]))
    shards.write(pairs("b u", scores=[1]))
    (shards.folder / ".123-abc.parquet").write_bytes(b"half")
    claim = Claims(shards.folder).make(pairs("c u"))
    assert compact(shards).strays == 0
    claim.release()
    done = compact(shards)
    assert done.strays == 2
    assert done.bytes_freed > 0
    assert len(list(shards.folder.glob("*.parquet"))) == 1
