import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from data.schemas import CLUSTER_HEALTH, CLUSTERS, embeddings_schema
from models.clustering.cluster_tree import ClusterTree
from models.parts import CENTROIDS
from tasks.cluster_passages import ClusterConfig, cluster_passages, clusters_of
from tasks.stage import stage

CONFIG = ClusterConfig(k=3, c=4, seed=1)
VECTORS = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
PIDS = [f"p{row:02}" for row in range(40)]


@stage()
def vectors(draft, store, config):
    column = pa.array(VECTORS.tolist(), embeddings_schema(5).columns.field("vector").type)
    draft.write(
        pa.table({"pid": PIDS, "vector": column}, schema=embeddings_schema(5).columns), embeddings_schema(5)
    )


@pytest.fixture
def made(store):
    embeddings = vectors.run(store, ClusterConfig(), {})
    return cluster_passages.run(store, CONFIG, {"embeddings": embeddings})


def test_every_passage_gets_one_path(store, made):
    clusters = store.read(CLUSTERS, made)
    assert clusters["pid"].to_pylist() == PIDS
    assert max(map(len, clusters["path"].to_pylist())) == store.facts(made)["depth"]


def test_the_saved_centroids_place_a_passage_where_it_is(store, made):
    tree = ClusterTree.load(store.path(made, CENTROIDS))
    assigned = clusters_of(pa.chunked_array([PIDS]), tree.assign(VECTORS))
    assert assigned.equals(store.read(CLUSTERS, made))


def test_the_health_of_the_whole_tree_is_noted(store, made):
    rows = store.read(CLUSTER_HEALTH, made).to_pylist()
    whole = {row["measure"]: row["value"] for row in rows if row["level"] == 0}
    facts = store.facts(made)
    assert facts["passages"] == whole["passages"] == 40
    assert facts["leaves"] == whole["leaves"] > 40 / CONFIG.c
    assert facts["size_max"] == whole["size_max"] <= CONFIG.c
    assert facts["balance"] == round(whole["balance"], 3)


def test_two_runs_write_the_same_bytes(store, made):
    embeddings = vectors.run(store, ClusterConfig(), {})
    again = cluster_passages.run(store, CONFIG, {"embeddings": embeddings}, force=True)
    assert again.parts == made.parts


@pytest.mark.parametrize(
    ("values", "message"),
    [({"k": 1}, "k\n.*greater"), ({"c": 0}, "c\n.*greater"), ({"k": 40_000}, "k\n.*less")],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        ClusterConfig(**values)
