import shutil

import pytest

from data.artifacts import ArtifactStore
from data.manifests import ArtifactRef
from data.progress import progress
from flows.config import load
from flows.execution import Execution, execute
from flows.planning import Choice
from tasks.stage import Stage
from tests.flows.real_processes import wait_for
from tests.flows.small_runs import Knob

pytestmark = pytest.mark.flow

ALL = Choice()


@pytest.fixture(scope="module")
def prefect():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def run(prefect, tiny_toml, store):
    """Run the tiny configuration as a flow run; gives each stage's status and Prefect's states."""
    from prefect import flow
    from prefect.client.orchestration import get_client

    from flows.prefect_stages import make_by_prefect

    config = load(tiny_toml)

    def once(choice=ALL):
        execution = Execution(store, choice, make_by_prefect(store))
        state = flow(lambda: execute(config, "tiny", execution), name="distill-pipeline")(return_state=True)
        state.result()
        with get_client(sync_client=True) as client:
            from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

            run_filter = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))

            def recorded():  # the server writes task runs down a little later
                runs = client.read_task_runs(flow_run_filter=run_filter)
                done = all(run.state and run.state.is_final() for run in runs)
                return runs if done and len(runs) == len(execution.provenance) else None

            states = {run.name: run.state.name for run in wait_for(recorded, "the task runs", 60)}
        return {(row.stage, row.of): row.status for row in execution.provenance}, states

    return once


def test_prefects_cache_is_an_index_over_the_manifests(run, store, monkeypatch, tmp_path):
    first, _ = run()
    assert set(first.values()) == {"ran"}

    again, states = run()
    assert set(again.values()) == {"reused"}
    assert set(states.values()) == {"Cached"}

    shutil.rmtree(store.root / "mine_candidates")
    rebuilt, _ = run()
    assert [label for label, status in rebuilt.items() if status == "ran"] == [("mine_candidates", "")]

    next((store.root / "mine_candidates").glob("*/candidates-*.parquet")).write_bytes(b"PAR1")
    rebuilt, _ = run()
    assert [label for label, status in rebuilt.items() if status == "ran"] == [("mine_candidates", "")]

    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

    shutil.rmtree(PREFECT_LOCAL_STORAGE_PATH.value())  # every record of Prefect's is lost
    again, _ = run()
    assert set(again.values()) == {"reused"}


def test_a_record_counts_only_while_its_artifact_is_whole(store, tmp_path):
    from flows.prefect_stages import ArtifactSerializer, StoredRef

    gone = StoredRef(root=str(store.root), ref=ArtifactRef(stage="ingest", key="0" * 20, parts={}))
    serializer = ArtifactSerializer()
    with pytest.raises(FileNotFoundError, match=r"ingest/0000.* is missing or damaged"):
        serializer.loads(serializer.dumps(gone))


def test_a_record_of_one_store_says_nothing_about_another(prefect, tiny_toml, store, tmp_path):
    from prefect import flow

    from flows.prefect_stages import make_by_prefect

    def run_in(each):
        execution = Execution(each, Choice(only="ingest"), make_by_prefect(each))
        flow(lambda: execute(load(tiny_toml), "tiny", execution), name="distill-pipeline")()
        return execution

    other = ArtifactStore(tmp_path / "other")
    first, second = run_in(store), run_in(other)
    assert [row.status for row in (*first.provenance, *second.provenance)] == ["ran", "ran"]
    assert other.whole("ingest", second.rows[0].key).key == first.rows[0].key


def test_a_long_stage_shows_how_far_it_is(prefect, store, monkeypatch):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    from flows.prefect_stages import make_by_prefect

    monkeypatch.setattr("data.progress.PATIENCE_S", 0.0)
    monkeypatch.setattr("data.progress.INTERVAL_S", 0.0)

    def body(draft, store, config):
        assert list(progress(range(4), "counting", "number")) == [0, 1, 2, 3]
        draft.file("done.txt").write_text("")

    stage = Stage(name="count_numbers", module="tasks.stage", body=body)
    flow(lambda: make_by_prefect(store)(stage, Knob(value=1), {}, "all/0", False), name="distill-pipeline")()
    with get_client(sync_client=True) as client:
        key = ArtifactFilterKey(any_=["progress-count-numbers-all-0"])
        [shown] = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
        shown_by = client.read_task_run(shown.task_run_id)
    assert (shown.type, shown.data) == ("progress", 100.0)
    assert shown.description == "count_numbers all/0: counting, 4 of 4 numbers"
    assert shown_by.name == "count_numbers all/0"
