import os

import pytest

from flows.cli import main
from flows.records import folder_of

STAGES = ["ingest", "mine_candidates", "score_candidates", "train_student", "evaluate_student"]
EVERY_KIND = [
    ("ingest", "qrels-*.parquet"),
    ("mine_candidates", "candidates-*.parquet"),
    ("score_candidates", "answers-*.parquet"),
    ("train_student", "model-*/weights.bin"),
    ("evaluate_student", "metrics-*.parquet"),
    ("evaluate_student", "run-*.trec"),
    *((stage, "manifest.json") for stage in STAGES),
]


@pytest.fixture
def verify(store, monkeypatch):
    """Gives the exit code of ``distill verify``."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))
    return lambda *names: main(["verify", *names])


def flip(path, position):
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(("stage", "kind"), EVERY_KIND)
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_flipped_byte_is_found_and_a_run_makes_that_artifact_alone_anew(
    store, small_run, verify, capsys, stage, kind, place
):
    small_run(store.root)
    assert small_run(store.root) == []
    path = next((store.root / stage).glob(f"*/{kind}"))
    flip(path, int(path.stat().st_size * place))
    assert verify() == 1
    told = capsys.readouterr()
    assert f"{path.relative_to(store.root)}: found" in told.out
    assert told.out.count("found") == 1
    assert "Make it anew: distill run small" in told.out
    assert "verify: found 1 damaged of" in told.err
    assert small_run(store.root) == [stage]
    assert verify() == 0


def test_a_whole_store_says_how_much_was_looked_at(store, small_run, verify, capsys):
    small_run(store.root)
    assert verify() == 0
    files = [path for stage in STAGES for path in (store.root / stage).rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    assert capsys.readouterr().out == f"{len(files)} files with {total} bytes are what was written\n"


def test_one_run_is_looked_at_alone(store, small_run, verify, capsys):
    small_run(store.root, "mine")
    small_run(store.root, "yours", value=2)
    damaged = store.folder("evaluate_student", folder_key(store, "yours", "evaluate_student"))
    next(damaged.glob("run-*")).unlink()
    assert verify("mine") == 0
    assert verify("yours") == 1
    assert "distill run yours" in capsys.readouterr().out


def folder_key(store, name, stage):
    from flows.named_runs import named_run

    return named_run(store, name).any_key(stage)


def test_an_artifact_that_a_run_names_and_that_is_gone_is_a_damage(store, small_run, verify, capsys):
    small_run(store.root)
    key = folder_key(store, "small", "ingest")
    (store.folder("ingest", key) / "manifest.json").unlink()
    assert verify() == 1
    assert f"ingest/{key}/manifest.json: found no such file" in capsys.readouterr().out


def test_a_damage_that_no_run_names_is_for_the_collection(store, small_run, verify, capsys):
    small_run(store.root)
    folder_of(store, "small").rename(store.root / "elsewhere")
    next((store.root / "train_student").glob("*/model-*/weights.bin")).unlink()
    assert verify() == 1
    assert "No run names it; remove it: distill gc" in capsys.readouterr().out


def test_an_unknown_run_is_exit_code_2(verify, capsys):
    assert verify("nowhere") == 2
    assert "run 'nowhere': found nothing under" in capsys.readouterr().err


def test_a_store_that_is_not_there_is_whole(verify, store):
    assert verify() == 0
    assert not store.root.exists()
