"""Answer keys to write and read back, and other tools' loaders, run where their packages are.

DISTILL_PEERS names a folder made by ``pip install --no-deps --target FOLDER pylate tevatron FlagEmbedding
colbert-ai beir peft ujson gitpython gitdb smmap``: their pins contradict ours, their loaders work. Its folder
``newer`` holds what has the name of one of these and no release: Tevatron's main branch.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from data.answer_key import AnswerKey

ROOT = Path(__file__).parents[3]


def key_of(answers, positives=(), sources=(), **options):
    """An answer key of (qid, pid, score), judged pairs and (generated qid, source pid)."""
    generated = dict(sources)
    qids = sorted({qid for qid, *_ in answers} | {qid for qid, _ in positives} | set(generated))
    pids = sorted({pid for _, pid, _ in answers} | {pid for _, pid in positives} | set(generated.values()))
    queries = [
        (qid, f"query {qid}", "generated" if qid in generated else "human", generated.get(qid), "train")
        for qid in qids
    ]
    passages = [(pid, f"title {pid}", f"text {pid}") for pid in pids]
    text, score, grade = pl.String, pl.Float32, pl.Int16
    return AnswerKey(
        answers=pl.LazyFrame(answers, schema={"qid": text, "pid": text, "score": score}, orient="row"),
        passages=pl.LazyFrame(passages, schema=dict.fromkeys(("pid", "title", "text"), text), orient="row"),
        queries=pl.LazyFrame(
            queries,
            schema=dict.fromkeys(("qid", "text", "origin", "source_pid", "split"), text),
            orient="row",
        ),
        qrels=pl.LazyFrame(
            [(*pair, 1) for pair in positives],
            schema={"qid": text, "pid": text, "grade": grade},
            orient="row",
        ),
        teacher="sharp",
        **options,
    )


@pytest.fixture
def make_key():
    """Give the function that makes an answer key."""
    return key_of


@pytest.fixture
def small():
    """Two queries that can be told apart by positives and negatives, one without a positive."""
    answers = [
        ("q1", "a", 2.5),
        ("q1", "b", -1.0),
        ("q1", "c", 0.1),
        ("q2", "a", 0.5),
        ("q2", "b", 0.25),
        ("q3", "a", 1.0),
        ("q3", "c", 3.0),
    ]
    return key_of(answers, positives=[("q1", "a")], sources=[("q2", "b")])


@pytest.fixture
def ask_peer():
    """Run code with the packages of DISTILL_PEERS; give what it prints as JSON on its last line."""

    def ask(module, code, *arguments, below=""):
        folder = Path(os.environ.get("DISTILL_PEERS", "")) / below
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
        looked = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
        if subprocess.run([sys.executable, "-c", looked], env=environment, capture_output=True).returncode:
            pytest.skip(f"{module} pins other versions than ours and is not installed: make peers brings it")
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    return ask
