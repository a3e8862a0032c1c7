"""A tiny collection that was ingested, mined and learned from, and a way to evaluate on it."""

import pytest
from pydantic import TypeAdapter

from data.schemas import CANDIDATES, METRICS, PASSAGES, QRELS, QUERIES, RUN
from data.tables import from_rows
from models.blending import Fitted, Mean
from models.retrievers import Bm25Config
from models.settings import Settings
from models.students import StudentChoice
from models.subjects import BaselineSubject
from models.teachers import TeacherChoice
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.ensemble import EnsembleConfig
from tasks.evaluate_student import EvaluateConfig, Evaluation, evaluate_student
from tasks.stage import Stage

BM25 = BaselineSubject(retriever=Bm25Config())
LEXICAL = Bm25TeacherConfig(name="lexical")
FITTED = Fitted()
BOTH = EnsembleConfig(name="both", members=("tiny", "lexical"), blend=Mean())
PAIRS = [("q07", "bach-1"), ("q07", "mozart-1"), ("q08", "mozart-2"), ("q08", "bach-2"), ("q09", "mozart-1")]


def publish(store, stage, fill):
    """Put what ``fill(draft)`` writes into the store, as the artifact of a stage that has run."""
    made = Stage(name=stage, module="data.tables", body=lambda draft, _store, _config: fill(draft))
    return made.run(store, Settings(), {})


def collection_of(store, tables):
    def fill(draft):
        for schema in (PASSAGES, QUERIES, QRELS):
            draft.write(tables[schema.name], schema)

    return publish(store, "ingest", fill)


@pytest.fixture
def collection(store, tiny_collection):
    return collection_of(store, tiny_collection)


@pytest.fixture
def candidates(store):
    rows = [(*pair, miner, rank, 1.0) for rank, pair in enumerate(PAIRS, 1) for miner in ("bm25", "dense")]
    rows.append(("q01", "rhine-1", "bm25", 1, 1.0))
    table = from_rows(rows, CANDIDATES)
    return publish(store, "mine_candidates", lambda draft: draft.write(table, CANDIDATES))


@pytest.fixture
def teacher(tiny_backbone):
    encoder = {"model": str(tiny_backbone), "precision": "float32"}
    given = {"kind": "dual_encoder", "name": "tiny", "encoder": encoder}
    return TypeAdapter(TeacherChoice).validate_python(given)


@pytest.fixture
def student(tiny_backbone):
    given = {"kind": "bi-encoder", "name": "kl", "backbone": str(tiny_backbone)}
    return TypeAdapter(StudentChoice).validate_python(given)


def evaluate(store, subject, collection, options=None, **inputs):
    config = Evaluation(options=options or EvaluateConfig(), subject=subject)
    return evaluate_student.run(store, config, {"collection": collection, **inputs})


def means(store, ref):
    return {row["measure"]: row["value"] for row in store.read(METRICS, ref).to_pylist() if not row["qid"]}


def scored(store, ref):
    return {(row["qid"], row["pid"]): row["score"] for row in store.read(RUN, ref).to_pylist()}
