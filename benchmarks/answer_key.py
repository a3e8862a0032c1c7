"""``python -m benchmarks.answer_key``: memory by the number of pairs, and what one per cent more costs.

The teacher is a fake one, so that what is measured is the answer key: each size in a process of its own, by
its peak of resident memory; one per cent more with a teacher that takes two milliseconds a pair.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.schemas import CANDIDATES, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.retriever import Rows, Scores
from models.settings import Settings
from models.teacher import TeacherConfig
from tasks.score_candidates import Score, ScoreConfig, score_candidates
from tasks.stage import Stage

SIZES = (100_000, 1_000_000, 10_000_000)
DEPTH = 100
PASSAGES_IN_ALL = 10_000


class FakeConfig(TeacherConfig):
    """A teacher that takes its time."""

    name: str = "fake"
    seconds_per_pair: float = 0.0

    def load(self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]) -> "Fake":
        """Make it."""
        del weights, queries, passages
        return Fake(self.seconds_per_pair)

    @property
    def scale(self) -> str:
        """Any."""
        return "logit"


class Fake:
    """Scores by rows."""

    def __init__(self, seconds_per_pair: float) -> None:
        self.seconds_per_pair = seconds_per_pair

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """A number for each pair."""
        time.sleep(self.seconds_per_pair * len(query_rows))
        return (query_rows % 1000 + passage_rows / PASSAGES_IN_ALL).astype(np.float32)

    def facts(self) -> dict[str, str]:
        """Nothing."""
        return {}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing."""


class Size(Settings):
    """How much there is."""

    pairs: int


def collection(draft: Draft, _store: ArtifactStore, config: Size) -> None:
    """So many queries of DEPTH candidates each."""
    queries = range(config.pairs // DEPTH)
    draft.write(
        from_rows([(f"p{n:06}", "", f"passage {n} of some words") for n in range(PASSAGES_IN_ALL)], PASSAGES),
        PASSAGES,
    )
    rows = [(f"q{n:07}", f"a question of number {n}", "human", None, "train") for n in queries]
    draft.write(from_rows(rows, QUERIES), QUERIES)
    draft.write(QRELS.columns.empty_table(), QRELS)


def candidates(draft: Draft, _store: ArtifactStore, config: Size) -> None:
    """For each query a run of neighbouring passages."""
    passages = np.array([f"p{n:06}" for n in range(PASSAGES_IN_ALL)])
    with draft.rows(CANDIDATES) as writer:
        for start in range(0, config.pairs // DEPTH, 1000):
            queries = np.arange(start, min(start + 1000, config.pairs // DEPTH))
            rows = (queries[:, None] * 7 + np.arange(DEPTH)) % PASSAGES_IN_ALL
            count = rows.size
            columns = {
                "qid": [f"q{query:07}" for query in np.repeat(queries, DEPTH)],
                "pid": passages[rows.ravel()],
                "miner": ["bm25"] * count,
                "rank": np.tile(np.arange(1, DEPTH + 1, dtype=np.int32), len(queries)),
                "score": np.zeros(count, dtype=np.float32),
            }
            writer.write(pa.table(columns, schema=CANDIDATES.columns))


def prepare(root: Path, pairs: int) -> dict[str, ArtifactRef | None]:
    """Write what scoring reads."""
    store = ArtifactStore(root)
    made = [
        Stage(name=name, module="tasks.stage", body=body).run(store, Size(pairs=pairs), {})
        for name, body in (("ingest", collection), ("mine_candidates", candidates))
    ]
    return {"collection": made[0], "generated": None, "candidates": made[1], "weights": None}


def score(root: Path, pairs: int, seconds_per_pair: float = 0.0) -> dict[str, object]:
    """Score all pairs that are not stored; give what was noted."""
    inputs = prepare(root, pairs)
    store = ArtifactStore(root)
    teacher = FakeConfig(seconds_per_pair=seconds_per_pair)
    config = Score.model_construct(teacher=teacher, options=ScoreConfig())
    with store.drafting(score_candidates.name, "measured") as draft:
        score_candidates.body(draft, store, config, **inputs)
        return draft.facts


def main() -> None:
    """Measure and print."""
    print("| pairs | seconds | peak memory, MB | of the smallest |\n|---|---|---|---|")
    first = 0.0
    for pairs in SIZES:
        with TemporaryDirectory() as root:
            # Preparing takes memory too, so that it is done by another process.
            for what in ("prepare", "score"):
                done = subprocess.run(  # noqa: S603  (ourselves)
                    [sys.executable, "-m", "benchmarks.answer_key", what, root, str(pairs)],
                    check=True,
                    capture_output=True,
                    text=True,
                )
        seconds, megabytes = map(float, done.stdout.split())
        first = first or megabytes
        print(f"| {pairs:,} | {seconds:.1f} | {megabytes:.0f} | {megabytes / first:.2f} |", flush=True)
    with TemporaryDirectory() as root:
        taken: list[float] = []
        for pairs in (20_000, 20_200):
            prepare(Path(root), pairs)
            started = time.perf_counter()
            facts = score(Path(root), pairs, 0.002)
            taken.append(time.perf_counter() - started)
    print(f"\n1 % more pairs: {facts['scored']} scored, {100 * taken[1] / taken[0]:.2f} % of the time")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        begun = time.perf_counter()
        score(Path(sys.argv[2]), int(sys.argv[3]))
        print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
