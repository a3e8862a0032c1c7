"""A fixture for whoever looks after a store: runs of five stages that take milliseconds."""

import pytest
from pydantic import BaseModel

from data.artifacts import ArtifactStore
from data.schemas import ANSWERS, CANDIDATES, METRICS, QRELS
from data.tables import from_rows
from flows.records import RecordRow, write_record
from tasks.stage import Stage


class Knob(BaseModel):
    """All that a stage of the small run can be told."""

    value: int


def ingest(draft, store, config):
    draft.write(from_rows([("q1", "p1", config.value)], QRELS), QRELS)


def mine_candidates(draft, store, config, *, collection):
    draft.write(from_rows([("q1", "p1", "bm25", config.value, 0.5)], CANDIDATES), CANDIDATES)


def score_candidates(draft, store, config, *, collection, candidates):
    draft.write(from_rows([("q1", "p1", "tiny", float(config.value))], ANSWERS), ANSWERS)
    draft.note(teacher_digest=f"teacher-{config.value}")


def train_student(draft, store, config, *, answers):
    (draft.folder("model") / "weights.bin").write_text(f"{config.value} {answers.parts} " * 9)


def evaluate_student(draft, store, config, *, weights):
    value = config.value / 100
    rows = [("soft/0", "test", "nDCG@10", qid, value) for qid in (None, "q1")]
    draft.write(from_rows([*rows, ("soft/0", "test", "RR@10", None, 0.5)], METRICS), METRICS)
    draft.file("run.trec").write_text(f"q1 Q0 p1 1 {value} {weights.parts}")


@pytest.fixture
def small_run():
    """Runs five stages that take milliseconds, as a new process would; gives the names of those that worked.

    ``run(root, "small", depth=2)`` sets the number that is all the configuration of one stage. Between them
    the artifacts hold every kind of part: tables, a folder of weights, a file.
    """

    def run(root, name="small", *, source=1, depth=1, teacher=1, loss=1, value=1):
        store, ran, rows = ArtifactStore(root), [], []

        def make(body, of, number, **inputs):
            def noted(*given, **named):
                ran.append(body.__name__)
                body(*given, **named)

            stage = Stage(name=body.__name__, module="tasks.stage", body=noted)
            ref = stage.run(store, Knob(value=number), inputs, of=of)
            rows.append(RecordRow(ref.stage, ref.of, ref.key))
            return ref

        collection = make(ingest, "", source)
        candidates = make(mine_candidates, "", depth, collection=collection)
        answers = make(score_candidates, "tiny", teacher, collection=collection, candidates=candidates)
        weights = make(train_student, "soft/0", loss, answers=answers)
        make(evaluate_student, "soft/0", value, weights=weights)
        write_record(store, name, rows)
        store.digests.save()
        return ran

    return run
