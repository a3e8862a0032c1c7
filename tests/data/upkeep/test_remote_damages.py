import pytest

from data.score_store.shards import ScoreShards
from data.upkeep.remote_damages import check_remote, check_remote_scores
from data.upkeep.remote_garbage import remote_addresses
from tests.data.remote.test_score_shards import keep
from tests.flows.small_runs import small_run  # noqa: F401
from tests.s3 import machine, objects, s3, s3_server, url  # noqa: F401


@pytest.fixture
def other(machine, small_run):  # noqa: F811
    """A machine that ran nothing of what lies on the object store."""
    small_run(machine("a").root)
    return machine("b")


def harms(store, *, read):
    checked = [*check_remote(store, remote_addresses(store.mirror), read=read)]
    return [each.damage for each in checked if each.damage]


def flip(objects, name):  # noqa: F811
    content = objects.read(name)
    objects.write(name, content[:-1] + bytes([content[-1] ^ 1]))


def test_an_undamaged_store_is_what_was_written_and_sizes_download_nothing(s3, other):  # noqa: F811
    s3.asked.clear()
    assert harms(other, read=False) == []
    assert {path.rpartition("/")[2] for method, path, _ in s3.asked if method == "HEAD"} == {"manifest.json"}
    assert not [*other.root.glob("*/*/*.parquet")]
    assert harms(other, read=True) == []


def test_a_flipped_byte_is_found_when_bytes_are_read(other, objects):  # noqa: F811
    (address,) = [each for each in remote_addresses(other.mirror) if each.stage == "train_student"]
    (name,) = [name for name in objects.below(str(address)) if "weights" in name]
    flip(objects, f"{address}/{name}")
    assert harms(other, read=False) == []
    (found,) = harms(other, read=True)
    assert (found.stage, found.key, found.file) == (*address, name)
    assert found.found.startswith("sha256")


def test_a_missing_object_and_a_missing_manifest_are_found_by_the_listing(other, objects):  # noqa: F811
    first, second = remote_addresses(other.mirror)[:2]
    (name,) = [name for name in objects.below(str(first)) if name.endswith(".parquet") or "run" in name][:1]
    objects.delete(f"{first}/{name}", f"{second}/manifest.json")
    found = {(each.stage, each.file, each.found) for each in harms(other, read=False)}
    assert found == {
        (first.stage, name, "no such object"),
        (second.stage, "manifest.json", "no such object"),
    }


def test_a_damaged_copy_in_the_cache_is_told_and_removed(machine):  # noqa: F811
    store = machine("a")
    from tests.data.remote.test_mirror import make

    ref = make(store, key="0" * 20)
    path = store.path(ref, "qrels.parquet")
    path.write_bytes(b"x" * path.stat().st_size)
    (found,) = harms(store, read=False)
    assert "copy in the cache" in found.advice
    assert not path.exists()
    assert harms(store, read=True) == []


def test_scores_are_looked_at_too(machine, objects):  # noqa: F811
    store = machine("a")
    keep(ScoreShards(store.root / "scores" / "t", store.digests), 1, 2)
    assert [each.damage for each in check_remote_scores(store, read=True)] == [None]
    (name,) = [name for name in objects.below("scores/t") if name.endswith(".parquet")]
    flip(objects, f"scores/t/{name}")
    assert [each.damage for each in check_remote_scores(store, read=False)] == [None]
    (checked,) = check_remote_scores(store, read=True)
    assert checked.damage.file == name
    assert "scores its pairs again" in checked.damage.advice
    (other,) = [name for name in objects.below("scores/t") if name.endswith(".json")]
    objects.write(f"scores/t/{other}", b"{")
    (checked,) = check_remote_scores(store, read=False)
    assert checked.damage.file == other
