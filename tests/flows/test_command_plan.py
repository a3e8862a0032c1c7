import json
import subprocess
import sys

import pytest

from flows.cli import main
from flows.config import ROOT
from tests.flows.measured_runs import measured_run


@pytest.fixture
def planned(store, monkeypatch, capsys):
    """Exit code, what was printed, and what was said of errors."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))

    def plan(*arguments):
        code = main(["plan", *arguments])
        return code, *capsys.readouterr()

    return plan


def test_a_plan_lists_stages_and_why(planned, tiny_toml):
    code, out, _ = planned(str(tiny_toml))
    assert code == 0
    assert out.splitlines()[0].split()[:2] == ["run", "ingest"]
    assert "stages to run, 0 to reuse" in out
    assert json.loads(planned(str(tiny_toml), "--json")[1])["stages"][0]["status"] == "run"


def test_an_estimate_needs_no_collection(planned):
    code, out, _ = planned("nq", "--estimate")
    assert code == 0
    assert "2,681,468 passages" in out
    assert "To rent:" in out


def test_an_estimate_takes_sizes_settings_and_hardware(planned):
    options = ["--passages", "1000000", "--queries", "1000", "--passage-words", "50"]
    options += ["--set", "mine.depth=10", "--set", "generate.max_passages=1"]
    _, out, _ = planned("nq", "--estimate", "--json", *options, "--gpu", "L40S", "--utilisation", "0.3")
    told = json.loads(out)
    assert told["pairs"][0]["most"] == (1000 + 1) * 2 * 10
    assert told["collection"]["passages"] == 1_000_000
    assert (told["machine"]["gpu"]["name"], told["utilisation"]) == ("L40S", 0.3)


def test_a_collection_that_was_ingested_has_its_true_size(planned, store):
    measured_run(store)
    _, out, _ = planned("nq", "--estimate")
    assert "nq: 1,000 passages of 65 tokens, 100 queries to learn from, 20 to test on" in out
    assert "no rate known" in out  # of the generator's steps, which nobody timed
    assert "run nq, " in out


def test_bytes_of_rows_are_measured_unless_rates_are_pinned(planned, store):
    measured_run(store)
    small = ["nq", "--estimate", "--queries", "100", "--set", "generate.max_passages=1"]
    assert _width(planned(*small)[1]) == "measured"  # 700 rows of 20,200: more than a hundredth
    pinned = str(ROOT / "docs" / "estimates.toml")
    assert _width(planned(*small, "--rates", pinned)[1]) == "schema"


def _width(out):
    (line,) = (line for line in out.splitlines() if line.startswith("| answers "))
    return line.split("|")[-2].strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nq", "--passages", "5"], "found --passages without --estimate; expected both, or neither"),
        (["nq", "--estimate", "--collection", "wiki"], "--collection: found 'wiki'; expected one of nq"),
        (["nq", "--estimate", "--gpu", "V100"], "--gpu: found 'V100'; expected one of L4"),
        (["nq", "--estimate", "--rates", "no.toml"], "--rates no.toml: found FileNotFoundError"),
        (["nq", "--estimate", "--utilisation", "2"], "--utilisation: found 2; expected a share"),
        (["nq", "--estimate", "--passages", "0"], "--passages: found 0; expected more than 0"),
        (["local", "--estimate"], "found no collection that was ingested under this name"),
    ],
)
def test_wrong_input_is_exit_code_2_and_three_parts(planned, arguments, message):
    code, out, said = planned(*arguments)
    assert (code, out) == (2, "")
    assert message in said


def test_an_estimate_imports_neither_torch_nor_prefect(tmp_path):
    heavy = "torch transformers sentence_transformers prefect faiss datasets ir_datasets scipy matplotlib"
    code = (
        "import sys; from flows.cli import main; "
        f"main(['plan', 'nq', '--estimate', '--artifacts', {str(tmp_path)!r}]); "
        f"print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
