import re
from pathlib import Path

import pytest

from data.artifacts import ArtifactStore
from data.schemas import GATE
from flows.cli import main
from flows.config import load
from flows.execution import Execution, execute, make_directly
from flows.planning import Choice


@pytest.fixture
def root(tmp_path):
    return tmp_path / "artifacts"


def test_a_teacher_that_falls_short_stops_the_run_before_a_student_learns(tiny_toml, root, direct, capsys):
    options = ["--artifacts", str(root)]
    strict = ["--set", 'gate.on_failure="stop"', "--set", "gate.max_ndcg_loss=-1.0"]
    assert main(["run", str(tiny_toml), *options, *strict]) == 3
    said = capsys.readouterr().err
    assert "gate: found tiny: " in said
    assert "expected " in said
    assert "ndcg_loss at most -1" in said
    assert "All numbers: distill show tiny gate" in said
    # The run ended before its report; the gate wrote one of its own, and the message says where.
    report = re.search(r"The report: (\S+/check_teacher/\S+/gate-\w+\.html)", said)
    page = Path(report[1]).read_text()
    assert "<title>Teacher gate: tiny failed</title>" in page
    assert "ndcg loss" in page
    assert said.count("gate: found") == 1
    assert not (root / "train_student").exists()
    assert main(["show", "tiny", "gate", "--head", "40", *options]) == 0
    assert "fail" in capsys.readouterr().out


def test_a_warning_lets_the_run_go_on_and_changes_no_address(tiny_toml, root, caplog):
    keys = []
    for limit in ("1.0", "-1.0"):
        store = ArtifactStore(root)
        config = load(tiny_toml, [f"gate.max_ndcg_loss={limit}"])
        execution = Execution(store, Choice(), make_directly(store))
        execute(config, "tiny", execution)
        keys.append({(row.stage, row.of): row.key for row in execution.rows})
    assert "ndcg_loss at most -1" in caplog.text
    assert re.search(r"The report: \S+/check_teacher/\S+/gate-\w+\.html", caplog.text)
    differ = {label for label in keys[0] if keys[0][label] != keys[1][label]}
    # The verdicts are others, and the report tells them; no student is trained again.
    assert differ == {("check_teacher", "tiny"), ("check_teacher", "lexical"), ("write_report", "")}


def test_a_teacher_may_be_let_through_by_name(tiny_toml, root, caplog):
    strict = ["gate.on_failure='stop'", "gate.max_ndcg_loss=-1.0", "teachers.tiny.on_gate_failure='warn'"]
    store = ArtifactStore(root)
    execute(load(tiny_toml, strict), "tiny", Execution(store, Choice(), make_directly(store)))
    assert "ndcg_loss at most -1" in caplog.text
    assert (root / "train_student").exists()


def test_a_teacher_that_no_student_learns_from_may_fall_short(tiny_toml, root):
    store = ArtifactStore(root)
    tiny = ["gate.on_failure='stop'", "gate.min_ndcg=0.0", "gate.max_ndcg_loss=1.0", "gate.min_auc=0.0"]
    tiny += ["gate.max_auc_loss=1.0", "gate.min_positives_above=0.0", "gate.max_length_correlation=1.0"]
    tiny += ["gate.max_ties=0.0", "gate.max_saturation=1.0", "gate.max_truncated=1.0"]
    config = load(tiny_toml, tiny)
    execution = Execution(store, Choice(), make_directly(store))
    execute(config, "tiny", execution)
    rows = store.read(GATE, *(ref_of(store, row) for row in execution.rows if row.stage == "check_teacher"))
    short = {row["teacher"] for row in rows.to_pylist() if row["verdict"] == "fail"}
    assert short == {"lexical"}


def ref_of(store, row):
    return store.manifest(row.stage, row.key).ref
