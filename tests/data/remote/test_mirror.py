import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.artifacts import ArtifactStore
from data.errors import ArtifactDamaged, ArtifactMissing, ConfigError
from data.manifests import MANIFEST
from data.remote import mirror
from data.schemas import QRELS
from tests.data.small_artifacts import WEIGHTS, make
from tests.s3 import NUMBERS, machine, objects, s3, s3_server, url  # noqa: F401


def later(store):
    """The same cache in a process that starts now."""
    mirror._KNOWN.clear()
    return ArtifactStore(store.root)


def grades(store, ref):
    return store.read(QRELS, ref)["grade"].to_pylist()


@settings(max_examples=5)
@given(found=st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_what_one_machine_publishes_another_reads(machine, found):  # noqa: F811
    rows = [("q", f"p{place}", grade) for place, grade in enumerate(found)]
    key = f"k{next(NUMBERS)}"
    ref = make(machine("a"), rows, key=key)
    other = machine("b")
    assert other.whole("s", key).ref == ref
    assert grades(other, ref) == found
    assert (other.path(ref, "model") / "weights.bin").read_bytes() == WEIGHTS


def test_only_what_is_read_is_downloaded(machine):  # noqa: F811
    ref = make(machine("a"))
    other = machine("b")
    assert other.whole("s", "abc")
    assert [path.name for path in other.folder("s", "abc").iterdir()] == [MANIFEST]
    grades(other, ref)
    assert not list(other.folder("s", "abc").glob("model-*"))


def test_a_look_is_one_listing_and_a_second_look_none(s3, machine, monkeypatch):  # noqa: F811
    monkeypatch.setattr(mirror, "STEP_NS", -(10**12))  # as if it had been made a while ago
    make(machine("a"))
    other = machine("b")
    s3.asked.clear()
    assert other.whole("s", "none") is None
    assert [(method, "list-type" in query) for method, _, query in s3.asked] == [("GET", True)]
    s3.asked.clear()
    assert other.whole("s", "abc")
    assert [method for method, _, _ in s3.asked] == ["GET", "HEAD", "GET"]  # the listing; the manifest
    s3.asked.clear()
    assert other.whole("s", "abc")
    assert s3.asked == []
    assert later(other).whole("s", "abc")  # whose manifest is in the cache
    assert len(s3.asked) == 1


def test_parts_without_a_manifest_are_nothing(machine, objects):  # noqa: F811
    ref = make(machine("a"))
    objects.delete(f"s/abc/{MANIFEST}")
    assert len(objects.below("s/abc")) == 2
    other = machine("b")
    assert other.whole("s", "abc") is None
    with pytest.raises(ArtifactMissing, match="Run again"):
        other.read(QRELS, ref)


@pytest.mark.parametrize("stopped_at", ["qrels-", "weights.bin", MANIFEST])
def test_an_upload_that_was_cut_off_is_ended_by_the_next_run(s3, machine, objects, stopped_at):  # noqa: F811
    s3.failing = lambda method, path: method in {"PUT", "POST"} and stopped_at in path
    store = machine("a")
    with pytest.raises(ConfigError, match="the next run uploads it"):
        make(store)
    s3.failing = None
    assert machine("b").whole("s", "abc") is None
    store = later(store)
    assert store.whole("s", "abc")  # nothing is made twice
    assert MANIFEST not in objects.below("s/abc")  # a look uploads nothing
    with store.lock("s", "abc"):
        assert machine("b").whole("s", "abc").ref == store.whole("s", "abc").ref


@pytest.mark.parametrize("victim", ["qrels-", "weights.bin"])
def test_a_damaged_object_is_found_when_it_is_read_and_made_anew(machine, objects, victim):  # noqa: F811
    ref = make(machine("a"))
    (name,) = [name for name in objects.below("s/abc") if victim in name]
    content = objects.read(f"s/abc/{name}")
    objects.write(f"s/abc/{name}", content[:-1] + bytes([content[-1] ^ 1]))
    other = machine("b")
    assert other.whole("s", "abc")  # its size is right
    with pytest.raises(ArtifactDamaged, match=rf"{victim}.* of s3://.*Run again to rebuild it"):
        (other.read(QRELS, ref), other.path(ref, "model"))
    assert other.whole("s", "abc") is None
    assert machine("c").whole("s", "abc") is None
    assert make(other) == ref
    third = machine("c")
    assert grades(third, ref) == [1]
    assert (third.path(ref, "model") / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("harm", ["truncated", "missing"])
def test_an_object_of_another_size_is_found_at_a_look(machine, objects, harm):  # noqa: F811
    make(machine("a"))
    (name,) = [name for name in objects.below("s/abc") if "weights" in name]
    objects.delete(f"s/abc/{name}")
    if harm == "truncated":
        objects.write(f"s/abc/{name}", WEIGHTS[1:])
    assert machine("b").whole("s", "abc") is None


def test_a_damaged_manifest_is_none(machine, objects):  # noqa: F811
    make(machine("a"))
    content = objects.read(f"s/abc/{MANIFEST}")
    objects.write(f"s/abc/{MANIFEST}", content.replace(b'"of": ""', b'"of": "x"'))
    other = machine("b")
    assert other.whole("s", "abc") is None
    ref = make(other)
    assert machine("c").whole("s", "abc").ref == ref


def test_a_damaged_copy_is_fetched_again(machine):  # noqa: F811
    ref = make(machine("a"))
    other = machine("b")
    place = other.path(ref, "qrels.parquet")
    place.write_bytes(b"")
    assert later(other).whole("s", "abc")
    assert grades(later(other), ref) == [1]


def test_what_was_made_anew_elsewhere_takes_the_place_of_the_copy(machine):  # noqa: F811
    first, other = machine("a"), machine("b")
    make(first)
    assert other.whole("s", "abc")
    ref = make(first, [("q1", "p1", 3)], finished_at="2026-01-01T00:00:09+00:00")
    other = later(other)
    assert other.whole("s", "abc").ref == ref
    assert grades(other, ref) == [3]


def test_what_finished_later_counts_also_if_its_upload_was_cut_off(s3, machine):  # noqa: F811
    store = machine("a")
    make(store)
    s3.failing = lambda method, _: method in {"PUT", "POST"}
    with pytest.raises(ConfigError):
        make(store, [("q1", "p1", 3)], finished_at="2026-01-01T00:00:09+00:00")
    s3.failing = None
    store = later(store)
    with store.lock("s", "abc"):
        ref = store.whole("s", "abc").ref
    assert grades(machine("b"), ref) == [3]


def test_two_machines_that_make_the_same_write_the_same_objects(machine, objects):  # noqa: F811
    ref = make(machine("a"))
    names = set(objects.below("s/abc"))
    assert make(machine("b")) == ref
    assert set(objects.below("s/abc")) == names


def test_the_cache_may_be_deleted_and_emptied(machine):  # noqa: F811
    store = machine("a")
    ref = make(store)
    shutil.rmtree(store.root)
    again = machine("a")
    assert grades(again, ref) == [1]
    shutil.rmtree(again.folder("s", "abc"))
    assert grades(later(again), ref) == [1]
