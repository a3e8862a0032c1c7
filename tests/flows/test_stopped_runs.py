"""``distill run``, stopped in the middle of scoring and of training: the next run does only the rest."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.digests import FileDigests
from data.score_store.shards import ScoreShards
from tests.flows.beir_folders import write_beir

pytestmark = pytest.mark.flow
ROOT = Path(__file__).parents[2]
QUERIES, DEPTH, STEPS = 100, 20, 400
WORDS = "yellow metal gold rusts iron bach fugues leipzig rhine rises alps mozart wrote lived grey never"


@pytest.fixture
def profile(tmp_path, tiny_backbone):
    """A run of some thousand pairs, stored a query at a time, and of a training that takes seconds.

    A checkpoint comes soon, and then when the price of writing it is worth it.
    """
    words = WORDS.split()
    texts = [" ".join(words[n * step % len(words)] for step in range(1, 8)) + f" {n}" for n in range(QUERIES)]
    bounds = {"train": range(80), "dev": range(80, 90), "test": range(90, QUERIES)}
    folder = write_beir(
        tmp_path / "collection",
        [(f"p{n}", "", text) for n, text in enumerate(texts)],
        [(f"q{n}", f"{text.split()[0]} {text.split()[3]} {n}") for n, text in enumerate(texts)],
        {split: [(f"q{n}", f"p{n}", 1) for n in numbers] for split, numbers in bounds.items()},
    )
    path = tmp_path / "stopped.toml"
    encoder = f'{{model = "{tiny_backbone}", max_tokens = 16, precision = "float32"}}'
    path.write_text(f"""
        seeds = [0]
        [source]
        kind = "beir"
        path = "{folder}"
        [generate]
        round_trip_depth = 3
        [mine]
        depth = {DEPTH}
        [[teachers]]
        kind = "dual_encoder"
        name = "tiny"
        encoder = {encoder}
        [score]
        shard_pairs = {DEPTH}
        [gate]
        on_failure = "warn"
        [embed]
        encoder = {encoder}
        [cluster]
        k = 4
        c = 40
        [[baselines]]
        kind = "bm25"
        name = "bm25"
        [[students]]
        kind = "bi-encoder"
        name = "soft"
        backbone = "{tiny_backbone}"
        targets = {{kind = "factor", by = 20.0}}
        [students.training]
        epochs = 99
        max_steps = {STEPS}
        batch_size = 4
        precision = "float32"
        dropout = 0.1
        checkpoint_seconds = 0.05
        [report]
        control = "soft"
    """)
    return path


class Runs:
    """Starts the command again and again, as a user would, with one store and one home of Prefect's."""

    def __init__(self, folder, profile):
        self.root, self.home, self.profile = folder / "artifacts", folder / "prefect", profile

    def start(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        environment = {**kept, "PREFECT_HOME": str(self.home), "DISTILL_ARTIFACTS": str(self.root)}
        command = [sys.executable, "-m", "flows.cli", "run", str(self.profile)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=environment, **quiet)

    def stop(self, number, condition):
        """Send a signal as soon as something is so; give the exit code and what was said."""
        running = self.start()
        deadline = time.monotonic() + 120
        while not condition():
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
        return running.returncode, said

    def finish(self):
        running = self.start()
        _, said = running.communicate(timeout=240)
        assert running.returncode == 0, said
        return said

    def states(self):
        """Of the flow's runs, in the order in which they began; and of all tasks that are said to run."""
        with sqlite3.connect(self.home / "prefect.db") as records:
            runs = records.execute("select state_type from flow_run order by start_time").fetchall()
            [(tasks,)] = records.execute(
                "select count(*) from task_run where state_type = 'RUNNING'"
            ).fetchall()
        return [state for (state,) in runs], tasks

    def scored(self):
        """Pairs that are stored: a file that the manifest does not name yet is what a stop may cost."""
        folders = [*self.root.glob("scores/*")]
        digests = FileDigests(self.root / "unused.json")
        return sum(ScoreShards(folder, digests).manifest().rows for folder in folders)

    def steps(self):
        """The newest checkpoint of the student's training."""
        found = self.root.glob(".kept/train_student/*/1/step-*")
        return max((int(path.name.partition("-")[2]) for path in found), default=0)

    def answers(self):
        """Rows of the answer key."""
        [path] = (self.root / "runs" / "stopped" / "answers").iterdir()
        return pq.read_metadata(path).num_rows


def numbers(pattern, said):
    found = re.search(pattern, said)
    assert found, said
    return tuple(map(int, found.groups()))


def test_each_run_does_what_the_one_before_left(tmp_path, profile):
    runs = Runs(tmp_path, profile)
    code, said = runs.stop(signal.SIGTERM, lambda: runs.scored() >= 20 * DEPTH)
    assert (code, said.count("stopped.")) == (143, 1)
    assert "the same command goes on from there" in said
    assert runs.states() == (["CRASHED"], 0)
    assert not any((runs.root / ".drafts").iterdir())
    scored = runs.scored()

    code, said = runs.stop(signal.SIGTERM, lambda: runs.steps() > 0)
    assert code == 143
    new, known = numbers(r"(\d+) pairs scored, (\d+) known", said)
    assert known == scored
    assert new > 0
    assert runs.states() == (["CRASHED", "CRASHED"], 0)
    learned = runs.steps()
    assert 0 < learned < STEPS

    said = runs.finish()
    assert numbers(r"goes on from step (\d+) of (\d+)", said) == (learned, STEPS)
    assert "pairs scored" not in said
    assert runs.states() == (["CRASHED", "CRASHED", "COMPLETED"], 0)
    assert runs.answers() == new + known
    assert not any((runs.root / ".kept").glob("*/*"))
