import threading
import time

import pytest

from data.artifacts import ArtifactStore
from data.errors import ArtifactDamaged, ArtifactMissing
from data.schemas import QRELS
from tests.data.small_artifacts import WEIGHTS, make


def test_what_is_published_is_whole_and_read_back(store):
    ref = make(store)
    assert store.whole("s", "abc").ref == ref
    assert store.read(QRELS, ref).to_pylist() == [{"qid": "q1", "pid": "p1", "grade": 1}]
    assert (store.path(ref, "model") / "weights.bin").read_bytes() == WEIGHTS


def test_equal_content_has_equal_digests_under_any_key(store):
    assert make(store, key="one").parts == make(store, key="two").parts


@pytest.mark.parametrize("victim", ["qrels-*.parquet", "model-*/weights.bin"])
@pytest.mark.parametrize("harm", ["delete", "truncate", "flip"])
def test_a_harmed_file_is_noticed_by_another_process(store, victim, harm):
    make(store)
    path = next(store.folder("s", "abc").glob(victim))
    content = path.read_bytes()
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if harm == "truncate" else content[:-1] + bytes([content[-1] ^ 1]))
    assert ArtifactStore(store.root).whole("s", "abc") is None


def test_reading_a_damaged_artifact_says_what_to_do(store):
    ref = make(store)
    next(store.folder("s", "abc").glob("qrels-*")).write_bytes(b"")
    with pytest.raises(ArtifactDamaged, match=r"missing or truncated; .* Run again to rebuild it"):
        ArtifactStore(store.root).read(QRELS, ref)


def test_a_folder_without_manifest_does_not_exist(store):
    ref = make(store)
    (store.folder("s", "abc") / "manifest.json").unlink()
    assert store.whole("s", "abc") is None
    with pytest.raises(ArtifactMissing, match="Run again to rebuild it"):
        store.read(QRELS, ref)


def test_an_unreadable_manifest_is_none(store):
    make(store)
    (store.folder("s", "abc") / "manifest.json").write_text('{"stage": ')
    assert store.whole("s", "abc") is None


def test_an_interrupted_draft_leaves_nothing(store):
    with pytest.raises(RuntimeError), store.drafting("s", "abc") as draft:
        draft.file("half").touch()
        raise RuntimeError
    assert list((store.root / ".drafts").iterdir()) == []


def test_a_rebuild_does_not_overwrite_a_part_in_use(store):
    ref = make(store)
    old = store.path(ref, "qrels.parquet")
    make(store, rows=[("q1", "p1", 2)])
    assert old.exists()


def test_a_store_may_be_moved(store, tmp_path):
    make(store)
    moved = store.root.rename(tmp_path / "moved")
    assert ArtifactStore(moved).whole("s", "abc").key == "abc"


def test_the_lock_is_waited_for_and_dies_with_its_holder(store):
    order = []

    def hold():
        with store.lock("s", "abc"):
            order.append("first")
            time.sleep(0.2)
            order.append("done")

    holder = threading.Thread(target=hold)
    holder.start()
    time.sleep(0.1)
    with store.lock("s", "abc"):
        order.append("second")
    holder.join()
    assert order == ["first", "done", "second"]


def test_what_a_stage_keeps_outlives_a_draft_that_fails_and_goes_when_it_is_published(store):
    with pytest.raises(RuntimeError), store.drafting("s", "abc") as draft:
        draft.kept.mkdir(parents=True)
        (draft.kept / "half").touch()
        raise RuntimeError
    with store.drafting("s", "abc") as draft:
        assert [path.name for path in draft.kept.iterdir()] == ["half"]
    make(store)
    assert not store.kept("s", "abc").exists()
