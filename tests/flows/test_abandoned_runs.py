import os
import subprocess
import sys
import textwrap
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flows.abandoned_runs import end_abandoned, running

pytestmark = pytest.mark.flow
ROOT = Path(__file__).parents[2]
# Runs a task of a flow, and is killed in the middle of it.
KILLED = """
    import os, signal, time
    from uuid import UUID
    from prefect import flow, task
    from prefect.runtime import flow_run
    from flows.abandoned_runs import running

    @task
    def work():
        print(flow_run.id, flush=True)
        time.sleep(3)  # a server writes down that a task has begun a little later
        os.kill(os.getpid(), signal.SIGKILL)

    @flow
    def walk():
        with running(UUID(flow_run.id)):
            work()

    walk()
"""


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def client(prefect):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def begun(client):
    """A run that a server holds for running."""
    from prefect import flow
    from prefect.states import Running

    return client.create_flow_run(flow(name="f")(lambda: None), state=Running()).id


def test_a_run_whose_process_was_killed_is_ended_with_its_tasks(client):
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.settings import PREFECT_API_URL

    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value()}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    run = UUID(done.stdout.decode().strip())
    assert client.read_flow_run(run).state.type == "RUNNING"
    assert end_abandoned() == [run]
    state = client.read_flow_run(run).state
    assert (state.type, "its process was killed" in state.message.lower()) == ("CRASHED", True)
    mine = FlowRunFilter.model_validate({"id": {"any_": [run]}})
    assert {each.state.type for each in client.read_task_runs(flow_run_filter=mine)} == {"CRASHED"}
    assert end_abandoned() == []


def test_a_run_that_is_going_on_is_left_alone(client):
    run = begun(client)
    with running(run):
        assert end_abandoned() == []
    assert client.read_flow_run(run).state.type == "RUNNING"
    assert end_abandoned() == []  # it let go by itself


def test_a_run_that_has_ended_or_that_nobody_knows_stays_as_it_is(client):
    from prefect.states import Completed

    run = begun(client)
    client.set_flow_run_state(run, Completed(), force=True)
    for left in (run, uuid4()):
        with pytest.raises(KeyboardInterrupt), running(left):
            raise KeyboardInterrupt
    assert end_abandoned() == []
    assert client.read_flow_run(run).state.type == "COMPLETED"
