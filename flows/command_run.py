"""``distill run`` when there is something to do: bad input first, then a server, then the flow."""

import os
from uuid import UUID

from data.artifacts import ArtifactStore
from data.locks import held
from data.upkeep.addresses import in_use
from flows.config import PipelineConfig
from flows.distill_pipeline import distill_pipeline
from flows.embedded_server import embedded_server, settle_environment
from flows.execution import Execution, check_inputs, execute
from flows.following import make_following, rank
from flows.interruption import Terminated
from flows.planning import Choice
from flows.runners import spreading


def run_with_prefect(
    config: PipelineConfig, store: ArtifactStore, name: str, choice: Choice
) -> tuple[int, int]:
    """Run a configuration as one run of the flow; give how many stages ran and how many were reused."""
    if rank():
        return _follow(config, store, choice)
    made = check_inputs(config, store, choice)
    if os.environ.get("PREFECT_API_URL"):
        settle_environment()
        return _run_flow(config, store, name, choice, made)
    with embedded_server():
        return _run_flow(config, store, name, choice, made)


def _run_flow(
    config: PipelineConfig, store: ArtifactStore, name: str, choice: Choice, made: frozenset[str]
) -> tuple[int, int]:
    from prefect import flow
    from prefect.exceptions import TerminationSignal
    from prefect.runtime import flow_run
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.abandoned_runs import end_abandoned, running
    from flows.prefect_artifacts import publish
    from flows.prefect_stages import make_by_prefect

    execution = Execution(store, choice, make_by_prefect(store), made)

    def walk() -> None:
        with running(UUID(flow_run.id)):
            try:
                with spreading(config.runner):
                    execute(config, name, execution)
            finally:
                publish(store, name, execution.rows)

    run_name = "-".join([name, *(teacher.name for teacher in config.teachers)])
    named = flow(name="distill-pipeline", flow_run_name=run_name)(walk)
    # The heartbeat rounds a run up to the next whole second; only workers need it.
    end_abandoned()
    try:
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            named()
    except TerminationSignal as signal:  # Prefect's word for SIGTERM, which it has noted with the run
        raise Terminated from signal
    ran = sum(row.status == "ran" for row in execution.provenance)
    return ran, len(execution.provenance) - ran


def _follow(config: PipelineConfig, store: ArtifactStore, choice: Choice) -> tuple[int, int]:
    """Help the first process of torchrun's, which keeps the record (``flows.following``)."""
    execution = Execution(store, choice, make_following(store))
    with held(in_use(store), shared=True):
        distill_pipeline(config, execution)
    ran = sum(row.status == "ran" for row in execution.provenance)
    return ran, len(execution.provenance) - ran
