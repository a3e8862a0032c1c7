"""Several processes of torchrun: one publishes, all train."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from data.errors import ConfigError
from data.schemas import QRELS
from data.tables import from_rows
from flows.following import make_following, rank
from tasks.stage import Stage

ROOT = Path(__file__).parents[2]
RUN = """
import hashlib, json, sys
from pathlib import Path
import polars as pl, torch
from data.artifacts import ArtifactStore
from data.schemas import CURVE
from flows.execution import make_directly
from flows.following import make_following, rank
from models.settings import Settings
from models.student import Lesson
from models.students.bi_encoder import BiEncoderConfig
from models.training import TrainingConfig
from tasks.stage import Stage

root, backbone = map(Path, sys.argv[1:])
numbers = range(8)
passages = pl.LazyFrame({"pid": [f"p{n}" for n in numbers], "title": "",
    "text": [f"gold {n}" for n in numbers]})
queries = pl.LazyFrame({"qid": [f"q{n}" for n in numbers], "text": [f"iron {n}" for n in numbers],
    "origin": "human", "source_pid": None, "split": "train"}, schema_overrides={"source_pid": pl.String})
pairs = queries.select("qid").join(passages.select("pid"), how="cross")
answers = pairs.with_columns(teacher=pl.lit("t"), score=pl.int_range(8).over("qid").cast(pl.Float32))
mined = pairs.with_columns(miner=pl.lit("m"), rank=pl.int_range(1, 9, dtype=pl.Int32).over("qid"),
    score=pl.lit(1, pl.Float32))
qrels = pairs.filter(pl.col("qid").str.slice(1) == pl.col("pid").str.slice(1)).with_columns(
    grade=pl.lit(1, pl.Int16))

def body(draft, store, config):
    student = BiEncoderConfig(name="s", backbone=str(backbone), loss="margin_mse", training=TrainingConfig(
        max_steps=2, batch_size=2, precision="float32")).build(seed=0)
    curve = student.train(Lesson(passages=passages, queries=queries, qrels=qrels, candidates=mined,
        answers=answers, embeddings=None, clusters=None, teacher_weights=None, seed=0,
        scratch=root / "scratch"))
    folder = draft.folder("model")
    student.save(folder)
    draft.write(curve, CURVE)
    weights = b"".join(each.detach().numpy().tobytes() for each in student.model.parameters())
    found = torch.distributed.get_world_size(), hashlib.sha256(weights).hexdigest()
    (root / f"rank-{rank()}.json").write_text(json.dumps(found))

store = ArtifactStore(root / "artifacts")
make = make_following(store) if rank() else make_directly(store)
ref = make(Stage(name="train_student", module="tasks.stage", body=body), Settings(), {}, "s/0", False)
(root / f"ref-{rank()}.txt").write_text(str(ref))
"""


class Knob(BaseModel):
    value: int = 1


def stage(name, ran):
    def body(draft, store, config):
        ran.append(name)
        draft.write(from_rows([("q1", "p1", config.value)], QRELS), QRELS)

    return Stage(name=name, module="tasks.stage", body=body)


@pytest.mark.parametrize(("name", "runs"), [("train_student", 2), ("train_teacher", 2), ("ingest", 1)])
def test_who_follows_goes_through_a_training_and_waits_for_all_else(store, name, runs):
    ran, found = [], []
    made = stage(name, ran)
    follower = threading.Thread(
        target=lambda: found.append(make_following(store)(made, Knob(), {}, "x", False))
    )
    follower.start()
    while name != "ingest" and not ran:
        pass
    assert not found
    assert not [*store.root.glob(f"{name}/*/manifest.json")]
    ref = made.run(store, Knob(), {}, of="x")
    follower.join(timeout=30)
    assert found == [ref]
    assert len(ran) == runs
    make_following(store)(made, Knob(), {}, "x", False)
    assert len(ran) == runs


def test_nothing_is_refreshed_by_several(store):
    with pytest.raises(ConfigError, match="found ingest to be made again, in process 0 of several"):
        make_following(store)(stage("ingest", []), Knob(), {}, "", True)


def test_without_torchrun_there_is_one_process(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert rank() == 0


@pytest.mark.flow
def test_two_processes_of_torchrun_train_one_student_and_one_publishes(tmp_path, tiny_backbone):
    (tmp_path / "run.py").write_text(RUN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    torchrun += ["--log-dir", str(tmp_path / "logs")]
    subprocess.run(
        [*torchrun, str(tmp_path / "run.py"), str(tmp_path), str(tiny_backbone)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    said = [json.loads((tmp_path / f"rank-{number}.json").read_text()) for number in (0, 1)]
    assert said[0] == said[1]
    assert said[0][0] == 2
    assert (tmp_path / "ref-0.txt").read_text() == (tmp_path / "ref-1.txt").read_text()
    assert len([*tmp_path.glob("artifacts/train_student/*/manifest.json")]) == 1
    assert not [*tmp_path.glob("artifacts/.drafts/*")]
