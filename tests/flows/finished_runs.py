"""A fixture for whoever reads the answer key of a run: a record without the pipeline that makes one."""

import pytest

from data.manifests import Manifest, Recipe
from data.schemas import ANSWERS, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from flows.records import RecordRow, write_record


@pytest.fixture
def finished_run(store, tiny_collection):
    """Record a run "tiny" in which each of the named teachers scored two queries, one of them generated."""

    def record(*teachers, qid="q04", positives=True):
        asked = [(qid, "yellow metal", "human", None, "train")]
        judged = [(qid, "gold-1", int(positives))]
        made = [("g1", "does iron rust", "generated", "iron-1" if positives else None, "train")]
        scores = [("g1", "gold-1", 0.5), ("g1", "iron-1", 1.5), (qid, "gold-1", 2.5), (qid, "iron-1", -1.0)]
        artifacts = {
            ("ingest", "tiny"): [
                (tiny_collection["passages"], PASSAGES),
                (from_rows(asked, QUERIES), QUERIES),
                (from_rows(judged, QRELS), QRELS),
            ],
            ("generate_queries", "tiny"): [(from_rows(made, QUERIES), QUERIES)],
        }
        for teacher in teachers:
            rows = [(asked_qid, pid, teacher, score) for asked_qid, pid, score in scores]
            artifacts["score_candidates", teacher] = [(from_rows(rows, ANSWERS), ANSWERS)]
        write_record(store, "tiny", [_publish(store, *name, parts) for name, parts in artifacts.items()])

    return record


def _publish(store, stage, of, parts):
    recipe = Recipe(stage=stage, config=of, inputs={}, code={})
    with store.drafting(stage, recipe.key) as draft:
        for table, schema in parts:
            draft.write(table, schema)
        told = {"facts": {}, "seconds": 0, "finished_at": "", "machine": {}}
        manifest = Manifest(stage=stage, of=of, key=recipe.key, recipe=recipe, parts=draft.parts(), **told)
        store.publish(draft, manifest)
    return RecordRow(stage, of, recipe.key)
