import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from flows.named_runs import named_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def why(store, monkeypatch, capsys):
    """Gives what ``distill why`` prints."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))

    def ask(*arguments):
        assert main(["why", *arguments]) == 0
        return capsys.readouterr().out

    return ask


def test_an_artifact_is_explained_by_its_recipe(store, small_run, why):
    small_run(store.root)
    record = named_run(store, "small")
    (told,) = json.loads(why("small", "score_candidates", "--json"))["artifacts"]
    manifest = store.manifest("score_candidates", told["key"])
    candidates = manifest.recipe.inputs["candidates"]["candidates.parquet"]
    maker = record.any_key("mine_candidates")
    assert (told["stage"], told["of"], told["key"]) == (
        "score_candidates",
        "tiny",
        record.any_key("score_candidates"),
    )
    assert told["config"] == {"value": 1}
    assert told["inputs"]["candidates"] == [
        f"candidates.parquet {candidates[:12]} made by mine_candidates (mine_candidates/{maker})"
    ]
    assert told["code"] == manifest.recipe.code
    assert told["machine"] == manifest.machine
    assert (told["seconds"], told["finished_at"]) == (manifest.seconds, manifest.finished_at)
    assert told["teacher_digests"] == ["teacher-1"]
    assert (told["changed_since"], told["before"]) == ([], [])


def test_the_teacher_of_a_student_is_that_of_its_answers(store, small_run, why):
    small_run(store.root, teacher=1)
    small_run(store.root, teacher=2)
    for stage in ("train_student", "evaluate_student"):
        (told,) = json.loads(why("small", stage, "--json"))["artifacts"]
        assert told["teacher_digests"] == ["teacher-2"]
    assert json.loads(why("small", "ingest", "--json"))["artifacts"][0]["teacher_digests"] == []


def test_what_changed_since_the_artifact_before_it_is_told(store, small_run, why):
    small_run(store.root, teacher=1)
    before = named_run(store, "small").any_key("train_student")
    small_run(store.root, teacher=2, loss=5)
    (told,) = json.loads(why("small", "train_student", "--json"))["artifacts"]
    assert [(each["key"], each["changes"]) for each in told["before"]] == [
        (before, ["value: 1 → 5", "input answers changed"])
    ]
    text = why("small", "train_student")
    assert f"  before   {before} of " in text
    assert "           value: 1 → 5\n           input answers changed" in text


def test_the_text_names_all_that_decided(store, small_run, why):
    small_run(store.root)
    lines = why("small", "train_student").splitlines()
    assert lines[0].startswith("train_student soft/0  (train_student/")
    heads = [line.split()[0] for line in lines if line[2:3] != " "]
    assert heads == ["train_student", "made", "machine", "teacher", "config", "inputs", "since", "before"]
    assert "  config   value = 1" in lines


def test_an_input_whose_maker_was_removed_is_told(store, small_run, why):
    import shutil

    small_run(store.root)
    shutil.rmtree(store.root / "ingest")
    assert "whose maker no longer lies in the store" in why("small", "mine_candidates")


def test_code_that_changed_since_is_told(store, small_run, why, monkeypatch):
    small_run(store.root)
    monkeypatch.setattr("flows.command_why.code_closure", lambda _: {"tasks.new": "1"})
    assert "code of tasks.new changed: the next run makes it anew" in why("small", "ingest")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "ingest"], "run 'nowhere': found nothing"),
        (["small@7", "ingest"], "run 'small@7': found 0 earlier runs"),
        (
            ["small", "distil"],
            "stage 'distil': found no artifact of it in run 'small'; expected one of ingest, mine",
        ),
    ],
)
def test_what_is_not_there_is_exit_code_2(store, small_run, monkeypatch, capsys, arguments, message):
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))
    small_run(store.root)
    assert main(["why", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["why", "small", "ingest"], ["diff", "small", "small"], ["verify"], ["gc"]]
)
def test_upkeep_imports_neither_torch_nor_prefect(store, small_run, arguments):
    small_run(store.root)
    heavy = "torch transformers sentence_transformers prefect faiss datasets ir_datasets scipy matplotlib"
    code = (
        f"import sys; from flows.cli import main; main({[*arguments, '--artifacts', str(store.root)]}); "
        f"print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
