"""What the workers of a cluster make: the bytes of a local run, whatever dies meanwhile."""

import os
from collections import Counter
from importlib.util import find_spec
from itertools import chain

import polars as pl
import pytest

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.schemas import CANDIDATES, PASSAGES, QRELS, QUERIES
from data.score_store.shards import ScoreShards
from data.tables import from_rows
from flows.runners import RunnerConfig, spreading
from models import spread_mining
from models.encoders.text_encoder import EncoderConfig
from models.settings import Settings
from models.teachers.dual_encoder import DualEncoderConfig
from tasks import embed_passages as embedding
from tasks.embed_passages import EmbedConfig, embed_passages
from tasks.mine_candidates import MineConfig, mine_candidates
from tasks.score_candidates import Score, ScoreConfig, score_candidates
from tasks.stage import Stage
from tests.flows.mortal_teacher import MortalConfig, first_of, refuse

pytestmark = pytest.mark.flow

KINDS = [
    pytest.param(kind, marks=pytest.mark.skipif(not find_spec(package), reason=f"pip install .[{kind}]"))
    for kind, package in (("dask", "prefect_dask"), ("ray", "prefect_ray"))
]
QUERIES_ASKED, DEPTH = 20, 8


@pytest.fixture(scope="module")
def prefect():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray leaves a token in the home folder
        yield


@pytest.fixture(scope="module", params=KINDS)
def cluster(request, prefect):
    """Two workers that stay, so that every test need not start them."""
    if request.param == "ray":
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, namespace="prefect")
        yield RunnerConfig(kind="ray", workers=2)
        ray.shutdown()
        return
    from flows.dask_cluster import local_cluster
    from flows.runners import environments

    with local_cluster(environments(2, gpus=0)) as running:
        yield RunnerConfig(kind="dask", address=running.scheduler_address)


def publish(store, stage, *tables):
    def fill(draft, _store, _config):
        for table, schema in tables:
            draft.write(table, schema)

    return Stage(name=stage, module="tasks.stage", body=fill).run(store, Settings(), {})


@pytest.fixture
def stores(tmp_path):
    return ArtifactStore(tmp_path / "local"), ArtifactStore(tmp_path / "spread")


def both(stores, runner, stage, config, inputs):
    """Run a stage here and on the runner; give parts and facts of each."""
    found = []
    for store, chosen in zip(stores, (RunnerConfig(), runner), strict=True):
        with spreading(chosen):
            made = stage.run(store, config, inputs(store))
        found.append((made.key, made.parts, store.facts(made)))
    return found


def test_vectors_are_the_bytes_of_a_local_run(cluster, stores, tiny_collection, tiny_backbone, monkeypatch):
    monkeypatch.setattr(embedding, "CHUNK_PASSAGES", 5)
    config = EmbedConfig(encoder=EncoderConfig(model=str(tiny_backbone), precision="float32"))
    here, there = both(
        stores,
        cluster,
        embed_passages,
        config,
        lambda store: {"collection": publish(store, "ingest", (tiny_collection["passages"], PASSAGES))},
    )
    assert here[:2] == there[:2]
    assert here[2]["width"] == there[2]["width"] == 32


def test_candidates_are_the_bytes_of_a_local_run(
    cluster, stores, tiny_collection, tiny_backbone, monkeypatch
):
    monkeypatch.setattr(spread_mining, "CHUNK_PASSAGES", 5)
    encoder = {"model": str(tiny_backbone), "precision": "float32"}
    config = MineConfig(
        depth=4,
        batch_queries=2,
        miners=({"kind": "bm25"}, {"kind": "dense", "name": "d", "encoder": encoder}),
    )
    tables = (tiny_collection["passages"], PASSAGES), (tiny_collection["queries"], QUERIES)
    here, there = both(
        stores,
        cluster,
        mine_candidates,
        config,
        lambda store: {"collection": publish(store, "ingest", *tables), "generated": None},
    )
    assert here == there


def asked_of(store):
    """Twenty queries, each with the same eight passages."""
    passages = from_rows([(f"p{n}", "", f"rain {'gold ' * n}") for n in range(DEPTH)], PASSAGES)
    rows = [(f"q{n:02}", f"where {'does it ' * n}rise", "human", None, "train") for n in range(QUERIES_ASKED)]
    candidates = [
        (f"q{n:02}", f"p{m}", "bm25", m + 1, 1.0) for n in range(QUERIES_ASKED) for m in range(DEPTH)
    ]
    qrels = from_rows([("q00", "p0", 1)], QRELS)
    tables = (passages, PASSAGES), (from_rows(rows, QUERIES), QUERIES), (qrels, QRELS)
    return {
        "collection": publish(store, "ingest", *tables),
        "candidates": publish(store, "mine_candidates", (from_rows(candidates, CANDIDATES), CANDIDATES)),
        "generated": None,
        "weights": None,
    }


def test_answers_are_the_bytes_of_a_local_run_and_nothing_is_scored_twice(cluster, stores, tiny_backbone):
    encoder = EncoderConfig(model=str(tiny_backbone), precision="float32")
    config = Score(
        teacher=DualEncoderConfig(name="tiny", encoder=encoder), options=ScoreConfig(shard_pairs=3 * DEPTH)
    )
    here, there = both(stores, cluster, score_candidates, config, asked_of)
    assert here[:2] == there[:2]
    pairs = QUERIES_ASKED * DEPTH
    assert (here[2]["scored"], here[2]["reused"]) == (there[2]["scored"], there[2]["reused"]) == (pairs, 0)
    with spreading(cluster):
        again = score_candidates.run(stores[1], config, asked_of(stores[1]), force=True)
    assert again.parts == there[1]
    assert (stores[1].facts(again)["scored"], stores[1].facts(again)["reused"]) == (0, pairs)


def test_the_first_piece_tells_the_others_and_results_come_in_order(cluster):
    from flows.prefect_mapper import PrefectMapper

    found = PrefectMapper(cluster)(first_of, ["a", "b", "c", "d"], "telling")
    assert [piece for piece, _, _ in found] == ["a", "b", "c", "d"]
    assert found[0][1] is None
    assert {first for _, first, _ in found[1:]} == {found[0]}
    assert os.getpid() not in {process for _, _, process in found}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_is_raised_on_purpose_arrives_as_it_was_raised(cluster):
    from flows.prefect_mapper import PrefectMapper

    message = r"^runner: found piece 1; expected none. Leave it out.$"
    with pytest.raises(ConfigError, match=message):
        PrefectMapper(cluster)(refuse, [1, 2], "refusing")


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_killed_costs_the_block_it_was_scoring(prefect, stores, tmp_path, kind):
    local, spread = stores
    (tmp_path / "log").mkdir()
    (tmp_path / "unbroken").mkdir()
    found = []
    for store, folder, dies_at, chosen in (
        (local, "unbroken", None, RunnerConfig()),
        (spread, "log", 6, RunnerConfig(kind=kind, workers=2)),
    ):
        teacher = MortalConfig(name="mortal", folder=str(tmp_path / folder), dies_at=dies_at)
        config = Score.model_construct(teacher=teacher, options=ScoreConfig(shard_pairs=DEPTH))
        with spreading(chosen):
            found.append(score_candidates.run(store, config, asked_of(store)))
    assert (tmp_path / "died").exists()
    assert found[0].parts == found[1].parts
    pairs = QUERIES_ASKED * DEPTH
    # Of the shards: each pair that was committed is there once.
    folder = next(spread.root.glob("scores/*"))
    shards = ScoreShards(folder, spread.digests).manifest().shards
    rows = pl.concat([pl.read_parquet(folder / shard.name) for shard in shards])
    assert rows.height == rows.unique(["query", "passage"]).height == pairs
    # Of the teacher: it read the pairs of one block twice, those that died with the worker.
    asks = [path.read_text().split("\n") for path in (tmp_path / "log").iterdir()]
    twice = [pair for pair, times in Counter(chain(*asks)).items() if times > 1]
    assert len(asks) == QUERIES_ASKED + 1
    assert len(twice) == DEPTH
    assert len({path.name.partition("-")[2] for path in (tmp_path / "log").iterdir()}) >= 2
