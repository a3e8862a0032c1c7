"""A run of configs/nq.toml as its manifests tell it: stages that only note what they would have measured."""

from pydantic import BaseModel

from data.schemas import ANSWERS
from data.tables import from_rows
from flows.records import RecordRow, write_record
from tasks.stage import Stage

INGESTED = {
    "passages": 1000,
    "queries": {"train": 90, "dev": 10, "test": 20},
    "passage_words": 50.0,
    "query_words": 8.0,
}
PASSAGES_PER_S = 200.0
LISTS, TRAIN_S = 50, 25.0


class Nothing(BaseModel):
    """No settings."""


def ingest(draft, store, config):
    draft.note(**INGESTED)


def embed_passages(draft, store, config):
    draft.note(passages_per_s=PASSAGES_PER_S)


def score_candidates(draft, store, config):
    rows = [("q1", f"p{number:05}", "ms-marco-minilm", 0.5) for number in range(700)]
    draft.write(from_rows(rows, ANSWERS), ANSWERS)
    draft.note(pairs=700, scored=7, pairs_per_s=1e9)  # mostly looked up


def train_student(draft, store, config):
    draft.note(lists=LISTS, train_s=TRAIN_S)


def measured_run(store, name="nq"):
    """Make it the last run of ``name``."""
    rows = []
    for body, of in (
        (ingest, ""),
        (embed_passages, ""),
        (score_candidates, "ms-marco-minilm"),
        (train_student, "kl/0"),
    ):
        stage = Stage(name=body.__name__, module="tasks.stage", body=body)
        ref = stage.run(store, Nothing(), {}, of=of)
        rows.append(RecordRow(ref.stage, of, ref.key))
    write_record(store, name, rows)
