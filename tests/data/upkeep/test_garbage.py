import json
import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.artifacts import ArtifactStore
from data.upkeep.garbage import collect, garbage, is_running, size_of


@pytest.fixture
def dead_pid():
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def kinds(found):
    return [(each.kind, each.path.name) for each in found]


def tree(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@given(
    graph=st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=6),
    named=st.sets(st.integers(0, 5)),
)
@settings(max_examples=20)
def test_what_a_named_artifact_was_made_from_stays_and_all_else_goes(tmp_path_factory, publish, graph, named):
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    refs = []
    for number, before in enumerate(graph):
        refs.append(publish(store, number, [refs[n] for n in sorted(before) if n < number]))
    needed = set()
    waiting = [n for n in named if n < len(graph)]
    while waiting:
        number = waiting.pop()
        needed.add(number)
        waiting += [n for n in graph[number] if n < number and n not in needed]
    keys = {refs[n].key for n in named if n < len(graph)}
    removed = {each.path.name for each in collect(store, garbage(store, keys)) if each.kind == "artifact"}
    assert removed == {ref.key for n, ref in enumerate(refs) if n not in needed}
    for number, ref in enumerate(refs):
        assert (ArtifactStore(store.root).whole(ref.stage, ref.key) is not None) == (number in needed)
    assert garbage(ArtifactStore(store.root), keys) == []


def test_looking_removes_nothing_and_says_how_much_would_go(store, publish):
    kept, gone = publish(store, 1), publish(store, 2)
    store.digests.save()
    before = tree(store.root)
    found = garbage(store, {kept.key})
    assert kinds(found) == [("artifact", gone.key), ("digests", "digests.json")]
    assert found[0].size_bytes == size_of(store.folder(gone.stage, gone.key))
    assert found[0].reason == "no run names or needs it"
    assert found[1].reason == "it remembers 4 files that are gone"
    assert tree(store.root) == before


def test_an_artifact_that_was_never_finished_goes(store, publish):
    ref = publish(store, 1)
    (store.folder(ref.stage, ref.key) / "manifest.json").unlink()
    (found,) = (each for each in garbage(store, set()) if each.kind == "artifact")
    assert found.reason == "it was never finished"


def test_a_damaged_artifact_that_a_run_names_stays_for_the_next_run_to_mend(store, publish):
    ref = publish(store, 1)
    (store.folder(ref.stage, ref.key) / "manifest.json").write_text("{")
    assert garbage(store, {ref.key}) == []


def test_parts_of_before_a_rebuild_go(store, publish):
    ref = publish(store, 1)
    folder = store.folder(ref.stage, ref.key)
    (folder / "model-000000000000").mkdir()
    (folder / "model-000000000000" / "weights.bin").write_bytes(b"12345")
    (folder / ".manifest.json.123").write_bytes(b"1")
    found = garbage(store, {ref.key})
    assert [*zip(kinds(found), [each.size_bytes for each in found], strict=True)] == [
        (("part", ".manifest.json.123"), 1),
        (("part", "model-000000000000"), 5),
    ]
    assert [*collect(store, found)] == found
    assert ArtifactStore(store.root).whole(ref.stage, ref.key).ref.parts == ref.parts
    assert garbage(store, {ref.key}) == []


def test_drafts_of_the_dead_go_and_those_of_the_living_stay(store, dead_pid):
    for pid in (dead_pid, os.getpid()):
        (store.root / ".drafts" / f"{pid}-x").mkdir(parents=True)
    found = garbage(store, set())
    assert kinds(found) == [("draft", f"{dead_pid}-x")]
    assert [*collect(store, found)] == found
    assert tree(store.root / ".drafts") == [f"{os.getpid()}-x"]
    assert (is_running(os.getpid()), is_running(dead_pid)) == (True, False)


def test_what_a_stage_kept_goes_when_nobody_has_gone_on_with_it_for_a_week(store):
    given_up, fresh, busy = (store.kept("train_student", digit * 20) for digit in "012")
    for folder in (given_up, fresh, busy):
        (folder / "1").mkdir(parents=True)
        (folder / "1" / "state.json").write_text("{}")
    for path in (given_up, busy, *given_up.rglob("*"), *busy.rglob("*")):
        os.utime(path, (0, 0))
    with store.lock("train_student", busy.name):
        found = garbage(store, set())
        assert kinds(found)[:2] == [("kept", given_up.name), ("kept", busy.name)]
        assert [each.path for each in collect(store, found) if each.kind == "kept"] == [given_up]
    assert sorted(path.name for path in given_up.parent.iterdir()) == [fresh.name, busy.name]


def test_locks_of_empty_addresses_go_unless_held(store, publish):
    ref = publish(store, 1)
    free, busy = "0" * 20, "1" * 20
    with store.lock("work", free), store.lock("work", busy):
        pass
    (store.root / ".locks" / "in-use").touch()
    found = garbage(store, {ref.key})
    assert kinds(found) == [("lock", f"work-{free}"), ("lock", f"work-{busy}")]
    with store.lock("work", busy):
        assert kinds(collect(store, found)) == [("lock", f"work-{free}")]
    assert tree(store.root / ".locks") == sorted(["in-use", f"work-{busy}", f"work-{ref.key}"])


def test_digests_of_files_that_are_gone_are_forgotten_and_others_kept(store, publish, tmp_path):
    there, gone = tmp_path / "there", tmp_path / "gone"
    for path in (there, gone):
        path.write_text("text")
        store.digests.sha256(path)
    ref = publish(store, 1)
    gone.unlink()
    found = garbage(store, {ref.key})
    assert kinds(found) == [("digests", "digests.json")]
    assert [*collect(store, found)] == found
    remembered = json.loads(store.digests.memory.read_text())
    assert len(remembered) == 5
    assert str(there) in remembered


def test_an_artifact_that_somebody_is_making_stays(store, publish):
    ref = publish(store, 1)
    found = garbage(store, set())
    with store.lock(ref.stage, ref.key):
        assert "artifact" not in {each.kind for each in collect(store, found)}
    assert ArtifactStore(store.root).whole(ref.stage, ref.key).ref.parts == ref.parts


def test_a_part_that_was_named_since_stays(store, publish):
    ref = publish(store, 1)
    stale = store.folder(ref.stage, ref.key) / "manifest.json"
    (store.folder(ref.stage, ref.key) / "old").touch()
    (found,) = garbage(store, {ref.key})
    assert [*collect(store, [type(found)("part", stale, "", 0)])] == []
    assert stale.exists()


def test_kill_in_the_middle_leaves_no_half_artifact_and_the_next_collection_takes_the_rest(
    store, publish, monkeypatch
):
    ref = publish(store, 1)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            [*collect(store, garbage(store, set()))]
    assert store.folder(ref.stage, ref.key).is_dir()
    assert ArtifactStore(store.root).manifest(ref.stage, ref.key) is None
    assert "artifact" in {each.kind for each in collect(store, garbage(store, set()))}
    assert not store.folder(ref.stage, ref.key).exists()


def test_scores_runs_and_what_a_user_put_there_are_never_touched(store, publish):
    publish(store, 1)
    for name in ("scores", "runs", "mine"):
        folder = store.root / name / ("teacher" if name == "mine" else "0" * 20)
        folder.mkdir(parents=True)
        (folder / "shard.parquet").write_text("kept")
    assert [*collect(store, garbage(store, set()))]
    left = [path for path in tree(store.root) if path.endswith("shard.parquet")]
    assert [path.split("/")[0] for path in left] == ["mine", "runs", "scores"]
