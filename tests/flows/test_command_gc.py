import os
import subprocess
import sys

import polars as pl
import pytest

from data.artifacts import ArtifactStore
from data.locks import held
from data.score_store.pairs import pair_frame, text_hashes
from data.score_store.shards import ScoreShards
from data.upkeep.addresses import addresses, in_use
from flows.cli import main
from flows.named_runs import every_run
from flows.records import folder_of


@pytest.fixture
def gc(store, monkeypatch):
    """Gives the exit code of ``distill gc``."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))
    return lambda *options: main(["gc", *options])


def named(store, **options):
    return {row.key for record in every_run(store, **options).values() for row in record.rows}


def lying(store):
    return {address.key for address in addresses(store)}


def test_only_what_the_last_run_of_a_name_made_stays_and_it_needs_no_work(store, small_run, gc):
    for name, depth in (("mine", 1), ("mine", 2), ("yours", 3)):
        small_run(store.root, name, depth=depth, value=depth)
    assert lying(store) > named(store)
    assert gc() == 0
    assert lying(store) == named(store)
    assert small_run(store.root, "mine", depth=2, value=2) == []
    assert small_run(store.root, "yours", depth=3, value=3) == []


def test_what_is_removed_is_told_with_its_bytes_and_a_dry_run_removes_nothing(store, small_run, gc, capsys):
    small_run(store.root, value=1)
    before = named(store)
    small_run(store.root, value=2)
    (gone,) = before - named(store)
    folder = store.folder("evaluate_student", gone)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert gc("--dry-run") == 0
    dry = capsys.readouterr().out
    assert f"evaluate_student/{gone}  (no run names or needs it)" in dry
    assert dry.endswith(f"{size} bytes would be freed\n")
    assert folder.is_dir()
    assert gc() == 0
    assert capsys.readouterr().out == dry.replace("would be freed", "freed")
    assert not folder.exists()
    assert gc() == 0
    assert capsys.readouterr().out == "0 bytes freed\n"


def test_history_keeps_its_artifacts_on_demand(store, small_run, gc):
    for depth in (1, 2, 3):
        small_run(store.root, depth=depth)
    assert gc("--keep-history") == 0
    assert lying(store) == named(store, earlier=True)
    assert gc() == 0
    assert lying(store) == named(store)


def test_an_unreadable_record_stops_it_before_anything_is_removed(store, small_run, gc, capsys):
    small_run(store.root)
    before = lying(store)
    (folder_of(store, "small") / "run.json").write_text("[")
    assert gc() == 2
    assert "found no record of a run" in capsys.readouterr().err
    assert lying(store) == before


def test_while_a_run_is_at_work_nothing_is_removed(store, small_run, gc, capsys):
    small_run(store.root, value=1)
    small_run(store.root, value=2)
    before = lying(store)
    with held(in_use(store), shared=True):
        assert gc() == 2
        assert "found a run at work" in capsys.readouterr().err
        assert gc("--dry-run") == 0
    assert lying(store) == before


def test_a_run_holds_the_lock_until_its_record_is_written(store, monkeypatch):
    from data.locks import held_if_free
    from flows import execution

    seen = []

    def look(*_):
        with held_if_free(in_use(store)) as free:
            seen.append(free)

    monkeypatch.setattr(execution, "distill_pipeline", look)
    execution.execute(None, "small", execution.Execution(store, execution.Choice(), lambda *_: None))
    assert seen == [False]


def test_what_a_killed_run_left_beside_its_record_goes(store, small_run, gc):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    small_run(store.root)
    runs = store.root / "runs"
    for name in (f".small-{process.pid}", f".small-{os.getpid()}", f".lost-{process.pid}"):
        (runs / name).mkdir()
    assert gc() == 0
    # One belongs to a living process, the other may be all that is left of its run.
    assert {path.name for path in runs.iterdir()} == {
        "small",
        f".small-{os.getpid()}",
        f".lost-{process.pid}",
    }


def test_scores_of_teachers_are_not_touched(store, small_run, gc):
    small_run(store.root)
    shard = store.root / "scores" / ("0" * 20) / "shard.parquet"
    shard.parent.mkdir(parents=True)
    shard.write_text("scores")
    assert gc() == 0
    assert shard.exists()


def test_a_store_that_is_not_there_is_an_error(gc, store, capsys):
    assert gc() == 2
    assert "found no store; expected its root" in capsys.readouterr().err
    assert not store.root.exists()


def test_a_damaged_store_is_collected_and_then_mended(store, small_run, gc):
    small_run(store.root, value=1)
    small_run(store.root, value=2)
    for path in store.root.glob("*/*/manifest.json"):
        path.write_text("{")
    assert gc() == 0
    assert lying(store) == named(store)
    assert len(small_run(store.root, value=2)) == 5
    assert ArtifactStore(store.root).whole("ingest", every_run(store)["small"].any_key("ingest"))


def test_scores_are_merged_and_those_of_unused_teachers_go_only_where_asked(store, small_run, gc, capsys):
    small_run(store.root, "mine")
    unused, used = (ScoreShards(store.root / "scores" / name, store.digests) for name in ("old", "teacher-1"))
    for shards in (unused, used):
        for text in ("x", "y"):
            pairs = pair_frame(text_hashes(["q"]), text_hashes([text]))
            shards.add(shards.write(pairs.with_columns(score=pl.lit(1.0, pl.Float32))), {}, {}, 1.0)
    assert gc() == 0
    assert "2 shards became 1" in capsys.readouterr().out
    assert [shards.manifest().rows for shards in (unused, used)] == [2, 2]
    assert gc("--teachers", "--dry-run") == 0
    assert "2 scores of a teacher that no run names" in capsys.readouterr().out
    assert unused.folder.exists()
    assert gc("--teachers") == 0
    assert not unused.folder.exists()
    assert used.manifest().rows == 2
