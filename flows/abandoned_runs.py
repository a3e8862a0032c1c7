"""Runs whose process was killed: the next run on the machine ends them in Prefect's records, as Crashed.

    <PREFECT_HOME>/distill-runs/<id of the flow run>      locked by the process that runs it

A process that dies by kill -9 cannot say so, and a server that lives only beside a run cannot notice. The
kernel's lock dies with the process, whatever became of its number since.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from data.locks import held, held_if_free

MESSAGE = "Its process was killed; the next run found that out. What it committed is reused."


@contextmanager
def running(run: UUID) -> Generator[None]:
    """Hold the run's lock for as long as the block lasts."""
    path = _folder() / str(run)
    with held(path):
        yield
        path.unlink()


def end_abandoned() -> list[UUID]:
    """Set every run that nobody runs any more to Crashed, with its tasks; give their ids."""
    ended: list[UUID] = []
    for path in sorted(_folder().glob("*-*")):
        with held_if_free(path) as free:
            if not free:
                continue
            with get_client(sync_client=True) as client:
                if _crash(client, UUID(path.name)):
                    ended.append(UUID(path.name))
            path.unlink(missing_ok=True)
    return ended


def _crash(client: SyncPrefectClient, run: UUID) -> bool:
    try:
        state = client.read_flow_run(run).state
    except ObjectNotFound:  # of another server, or its records were deleted
        return False
    if state is not None and state.is_final():
        return False
    client.set_flow_run_state(run, Crashed(message=MESSAGE), force=True)
    tasks = client.read_task_runs(
        flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run]}}),
        task_run_filter=TaskRunFilter.model_validate({"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}),
    )
    for task in tasks:
        client.set_task_run_state(task.id, Crashed(message=MESSAGE), force=True)
    return True


def _folder() -> Path:
    return Path(os.environ["PREFECT_HOME"]) / "distill-runs"
