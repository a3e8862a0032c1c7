import pytest

from data.manifests import MANIFEST
from data.remote import mirror
from data.upkeep.remote_garbage import collect_remote, remote_addresses, remote_garbage, unused_teachers
from tests.flows.small_runs import small_run  # noqa: F401
from tests.s3 import machine, objects, s3, s3_server, url  # noqa: F401


@pytest.fixture
def twice(machine, small_run):  # noqa: F811
    """A store where the second run made other evaluations than the first; the keys of the second run."""
    from flows.records import read_record

    store = machine("a")
    small_run(store.root, value=1)
    before = {row.key for row in read_record(store, "small").rows}
    small_run(store.root, value=2)
    kept = {row.key for row in read_record(store, "small").rows}
    return store, kept, before - kept


def gone(store, kept, young_s=0.0):
    return [each.what for each in collect_remote(store, remote_garbage(store, kept, young_s))]


def keys(store):
    return {address.key for address in remote_addresses(store.mirror)}


def test_what_no_run_names_goes_and_a_second_look_finds_nothing(twice):
    store, kept, old = twice
    assert keys(store) == kept | old
    assert gone(store, kept) == [f"evaluate_student/{key}" for key in old]
    assert keys(store) == kept
    assert gone(store, kept) == []


def test_what_the_kept_were_made_from_stays(twice):
    store, kept, old = twice
    (last,) = (key for key in kept if store.manifest("evaluate_student", key))
    assert gone(store, {last}) == [f"evaluate_student/{key}" for key in old]
    assert keys(store) == kept


def test_what_is_young_stays_for_its_run_may_not_be_over(twice):
    store, kept, old = twice
    assert gone(store, kept, young_s=3600.0) == []
    assert keys(store) == kept | old


def test_a_cut_off_upload_and_a_part_that_no_manifest_names_go(twice, objects):  # noqa: F811
    store, kept, _ = twice
    some = sorted(kept)[0]
    stage = next(address.stage for address in remote_addresses(store.mirror) if address.key == some)
    objects.write(f"{stage}/{some}/stale-0123.parquet", b"old")
    objects.write(f"ingest/{'0' * 20}/qrels-0.parquet", b"half")
    mirror._KNOWN.clear()
    found = gone(type(store)(store.root), kept)
    assert {f"ingest/{'0' * 20}", f"{stage}/{some}/stale-0123.parquet"} < set(found)
    assert MANIFEST in objects.below(f"{stage}/{some}")


def test_scores_and_runs_are_no_artifacts(twice, objects):  # noqa: F811
    store, _, _ = twice
    objects.write("scores/t/0.parquet", b"x")
    gone(store, set())
    assert keys(store) == set()
    assert objects.read("scores/t/0.parquet") == b"x"
    assert objects.below("runs/small")


def test_only_teachers_that_nobody_uses_go(machine, objects):  # noqa: F811
    store = machine("a")
    for name in ("scores/t/0.parquet", "scores/t/manifest-0.json", "scores/u/1.parquet"):
        objects.write(name, b"x")
    assert [each.size_bytes for each in unused_teachers(store, {"u"}, 0.0)] == [2]
    assert list(unused_teachers(store, {"u"})) == []
    list(collect_remote(store, unused_teachers(store, {"u"}, 0.0)))
    assert objects.folders("scores") == ["u"]


def test_a_store_of_its_own_has_no_remote_garbage(store):
    assert [*remote_garbage(store, set()), *unused_teachers(store, set())] == []
