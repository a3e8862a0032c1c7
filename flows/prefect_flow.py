"""The flows ``distill-pipeline`` and ``distill-stage``, as deployments start them."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.runtime import flow_run

from data.errors import ConfigError
from data.stores import open_store
from flows.config import PipelineConfig, config_path, load
from flows.distill_pipeline import STAGES
from flows.execution import Execution, check_inputs, execute
from flows.planning import Choice
from flows.prefect_artifacts import publish
from flows.prefect_roots import alone_on
from flows.prefect_stages import make_by_prefect
from flows.runners import spreading

# The form offers the stages there are: their names are written down once, by the stages themselves.
if TYPE_CHECKING:
    StageName = str
else:
    StageName = Literal[tuple(stage.name for stage in STAGES)]


def run_name(given: dict[str, Any]) -> str:
    """Name a run by its stage (if it makes one alone), its profile and its teachers."""
    profile = str(given.get("profile", "sample"))
    parts = [*([given["stage"]] if given.get("stage") else []), Path(profile).stem]
    try:
        config = given.get("config") or load(config_path(profile), given.get("set") or ())
    except ConfigError:  # the run itself says what is wrong
        return "-".join(parts)
    return "-".join([*parts, *(teacher.name for teacher in config.teachers)])


def _run_name() -> str:
    return run_name(flow_run.parameters)


@flow(name="distill-pipeline", flow_run_name=_run_name, validate_parameters=True)
def run_pipeline(  # noqa: PLR0913, PLR0917  (the fields of a form)
    profile: str = "sample",
    set: list[str] | None = None,  # noqa: A002  (the name users type)
    stage: StageName | None = None,
    refresh: list[StageName] | None = None,
    students: list[str] | None = None,
    artifacts: str | None = None,
    config: PipelineConfig | None = None,
) -> str:
    """Build everything a configuration asks for that does not exist yet.

    Args:
        profile: a name under configs/ or the path of a TOML file; also the name of the run.
        set: overrides such as ``teachers.0.model=cross-encoder/ms-marco-MiniLM-L6-v2``.
        stage: make only this stage; everything before it must be there.
        refresh: make these stages again even if they are there.
        students: run only these students.
        artifacts: root of the store, a folder or s3://bucket/prefix; else DISTILL_ARTIFACTS or artifacts/.
        config: a whole configuration; without one, the profile's TOML file is read.
    """
    chosen = config or load(config_path(profile), set or (), students or ())
    choice = Choice(refresh=tuple(refresh or ()), only=stage or "")
    return _run(chosen, profile, choice, artifacts)


@flow(name="distill-stage", flow_run_name=_run_name, validate_parameters=True)
def run_stage(  # noqa: PLR0913, PLR0917  (the fields of a form)
    stage: StageName,
    profile: str = "sample",
    set: list[str] | None = None,  # noqa: A002  (the name users type)
    refresh: bool = False,
    students: list[str] | None = None,
    artifacts: str | None = None,
) -> str:
    """Make one stage alone; everything before it must be there.

    Args:
        stage: the stage.
        profile: a name under configs/ or the path of a TOML file; also the name of the run.
        set: overrides such as ``teachers.0.model=cross-encoder/ms-marco-MiniLM-L6-v2``.
        refresh: make it again even if it is there.
        students: only for these students.
        artifacts: root of the store, a folder or s3://bucket/prefix; else DISTILL_ARTIFACTS or artifacts/.
    """
    chosen = load(config_path(profile), set or (), students or ())
    choice = Choice(refresh=(stage,) if refresh else (), only=stage)
    return _run(chosen, profile, choice, artifacts)


def _run(config: PipelineConfig, profile: str, choice: Choice, artifacts: str | None) -> str:
    logging.getLogger("distill").setLevel(logging.INFO)
    root = artifacts or os.environ.get("DISTILL_ARTIFACTS", "artifacts")
    name = Path(profile).stem
    with alone_on(root):
        store = open_store(root)
        made = check_inputs(config, store, choice)
        execution = Execution(store, choice, make_by_prefect(store), made)
        try:
            with spreading(config.runner):
                execute(config, name, execution)
        finally:
            publish(store, name, execution.rows)
    ran = sum(row.status == "ran" for row in execution.provenance)
    return f"{ran} stages run, {len(execution.provenance) - ran} reused"
