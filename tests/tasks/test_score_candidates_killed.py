"""What is left of a run of the stage that kill -9 ends, and what the next run makes of it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from data.digests import FileDigests
from data.score_store.shards import ScoreShards
from tasks.score_candidates import score_candidates

ROOT = Path(__file__).parents[2]
QUERIES, DEPTH = 40, 8
# Scores the candidates, a shard a query, by a teacher that takes its time and says when it is asked.
RUN = f"""
import json, sys, time
from pathlib import Path
import numpy as np
from data.artifacts import ArtifactStore
from data.schemas import CANDIDATES, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.teacher import TeacherConfig
from tasks.score_candidates import Score, ScoreConfig, score_candidates
from tasks.stage import Stage

class SlowConfig(TeacherConfig):
    def load(self, weights, queries, passages):
        return Slow(queries, passages)

class Slow:
    def __init__(self, queries, passages):
        self.queries, self.passages = queries, passages
    def score(self, query_rows, passage_rows):
        print("asked", flush=True)
        time.sleep(0.01)
        texts = zip(query_rows.tolist(), passage_rows.tolist())
        return np.float32([len(self.queries[q]) / (1 + len(self.passages[p])) for q, p in texts])
    def facts(self):
        return {{}}
    def work_as(self, facts):
        pass

def collection(draft, store, config):
    draft.write(from_rows([(f"p{{n}}", "", "rain " * n) for n in range({DEPTH})], PASSAGES), PASSAGES)
    rows = [(f"q{{n:02}}", "sun " * n, "human", None, "train") for n in range({QUERIES})]
    draft.write(from_rows(rows, QUERIES), QUERIES)
    draft.write(from_rows([("q00", "p0", 1)], QRELS), QRELS)

def mined(draft, store, config):
    rows = [
        (f"q{{n:02}}", f"p{{m}}", "bm25", m + 1, 1.0) for n in range({QUERIES}) for m in range({DEPTH})
    ]
    draft.write(from_rows(rows, CANDIDATES), CANDIDATES)

store = ArtifactStore(Path(sys.argv[1]))
made = {{
    name: Stage(name=name, module="tasks.stage", body=body).run(store, ScoreConfig(), {{}})
    for name, body in (("collection", collection), ("candidates", mined))
}}
config = Score.model_construct(
    teacher=SlowConfig(name="slow"), options=ScoreConfig(shard_pairs={DEPTH})
)
found = score_candidates.run(store, config, {{**made, "generated": None, "weights": None}})
facts = store.facts(found)
print(json.dumps([found.key, found.parts["answers.parquet"], facts["scored"], facts["reused"]]))
assert "torch" not in sys.modules
"""


def start(root):
    """Start a run."""
    return subprocess.Popen([sys.executable, "-c", RUN, str(root)], cwd=ROOT, stdout=subprocess.PIPE)


def finish(running):
    """Wait for the end of a run; give key, digest of the answers, pairs scored, pairs reused."""
    printed, _ = running.communicate()
    assert running.returncode == 0
    return json.loads(printed.splitlines()[-1])


def stored(root):
    """The shards of the one teacher."""
    folders = [*root.glob("scores/*")]
    assert len(folders) == 1
    return ScoreShards(folders[0], FileDigests(root / "unused.json"))


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(tmp_path):
    generator = np.random.default_rng(0)
    broken, before = tmp_path / "broken", 0
    undisturbed = start(tmp_path / "whole")
    for _ in range(5):
        with start(broken) as running:
            for _ in range(generator.integers(1, 7)):
                assert running.stdout.readline() == b"asked\n"
            time.sleep(generator.uniform(0.0, 0.02))  # while it scores, stores or goes on to the next
            running.kill()
            assert running.wait() == -signal.SIGKILL
        # Nothing that was stored is lost, no shard is there by half, and no table that is not finished.
        shards = stored(broken)
        rows = [shard.rows for shard in shards.manifest().shards]
        assert sum(rows) >= before
        assert all(size == DEPTH for size in rows)
        assert all(not shards.damage(shard) for shard in shards.manifest().shards)
        assert not [*broken.glob(f"{score_candidates.name}/*/manifest.json")]
        before = sum(rows)
    assert 0 < before < QUERIES * DEPTH
    resumed, whole = finish(start(broken)), finish(undisturbed)
    assert whole[2:] == [QUERIES * DEPTH, 0]
    assert resumed[2:] == [QUERIES * DEPTH - before, before]
    assert resumed[:2] == whole[:2]
    answers = [*tmp_path.glob(f"*/{score_candidates.name}/{whole[0]}/answers*.parquet")]
    assert len(answers) == 2
    assert answers[0].read_bytes() == answers[1].read_bytes()
