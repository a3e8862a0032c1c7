import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """Root of the store, given by the environment."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"


def test_run_plan_ls_show_path(tiny_toml, artifacts, direct, capsys):
    assert main(["run", str(tiny_toml)]) == 0
    first = capsys.readouterr().out
    assert "0 reused" in first
    assert "bm25" in first
    assert main(["run", str(tiny_toml)]) == 0
    again = capsys.readouterr().out
    assert "0 stages run" in again

    assert main(["plan", str(tiny_toml), "--json", "--set", "mine.depth=4"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert set(stages[0]) == {"stage", "of", "status", "key", "reason"}
    mine = next(row for row in stages if row["stage"] == "mine_candidates")
    assert (mine["status"], mine["reason"]) == ("run", "depth: 5 → 4")

    assert main(["ls", "tiny", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["artifacts"]
    assert next(each["rows"] for each in listed if each["stage"] == "ingest") == {
        "passages.parquet": 12,
        "qrels.parquet": 11,
        "queries.parquet": 9,
    }
    assert main(["show", "tiny", "answers", "--head", "3"]) == 0
    assert "shape: (3, 4)" in capsys.readouterr().out
    assert main(["path", "tiny", "metrics"]) == 0
    assert capsys.readouterr().out.strip() == str(artifacts / "runs" / "tiny" / "metrics" / "*.parquet")


def test_bad_input_is_one_message_and_exit_code_2(tiny_toml, beir_folder, artifacts, capsys):
    (beir_folder / "queries.jsonl").write_text('{"_id": "q1", "text": ""}\n')
    assert main(["run", str(tiny_toml)]) == 2
    message = capsys.readouterr().err
    assert "queries.jsonl, line 1" in message
    assert message.count("distill:") == 1
    assert not artifacts.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "nowhere"],
        ["plan", "nowhere"],
        ["ls", "nowhere"],
        ["show", "nowhere", "answers"],
        ["path", "x", "y"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_command_refuses_what_is_not_there(arguments, artifacts, capsys):
    assert main(arguments) == 2
    assert "expected" in capsys.readouterr().err


def test_a_stage_that_fails_is_exit_code_1_with_its_cause(tiny_toml, artifacts, direct, monkeypatch, capsys):
    def fail(*_, **__):
        raise ValueError("disk on fire")

    monkeypatch.setattr("tasks.stage._machine", fail)
    monkeypatch.setattr("flows.execution.check_inputs", lambda *_: frozenset())
    from flows import command_run, execution

    def run(config, store, name, choice):
        execution.execute(config, name, execution.Execution(store, choice, execution.make_directly(store)))

    monkeypatch.setattr(command_run, "run_with_prefect", run)
    assert main(["run", str(tiny_toml)]) == 1
    message = capsys.readouterr().err
    assert "stage ingest failed: ValueError: disk on fire" in message
    assert (artifacts / "last-failure.log").read_text().startswith("Traceback")


def test_a_run_with_nothing_to_do_imports_neither_prefect_nor_torch(tiny_toml, artifacts, direct):
    assert main(["run", str(tiny_toml)]) == 0
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flows.cli", "run", str(tiny_toml)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0 stages run" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "prefect", "transformers", "faiss"}
