"""The flow ``distill-pipeline``, as deployments and the command line start it."""

import logging
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from data.artifacts import ArtifactStore
from flows.config import PipelineConfig, config_path, load
from flows.execution import Execution, check_inputs, execute
from flows.planning import Choice
from flows.prefect_stages import make_by_prefect
from flows.records import manifests

StageName = Literal[
    "ingest",
    "generate_queries",
    "mine_candidates",
    "train_teacher",
    "score_candidates",
    "blend_answers",
    "check_teacher",
    "decide_negatives",
    "embed_passages",
    "cluster_passages",
    "train_student",
    "evaluate_student",
    "write_report",
]


def _run_name() -> str:
    given = flow_run.parameters
    config = given.get("config")
    teachers = config.teachers if isinstance(config, PipelineConfig) else ()
    return "-".join([Path(str(given.get("profile", "run"))).stem, *(teacher.name for teacher in teachers)])


@flow(name="distill-pipeline", flow_run_name=_run_name, validate_parameters=True)
def run_pipeline(  # noqa: PLR0913, PLR0917  (the fields of a form)
    profile: str = "sample",
    set: list[str] | None = None,  # noqa: A002  (the name users type)
    stage: StageName | None = None,
    refresh: list[StageName] | None = None,
    students: list[str] | None = None,
    artifacts: str = "artifacts",
    config: PipelineConfig | None = None,
) -> str:
    """Build everything a configuration asks for that does not exist yet.

    Args:
        profile: a name under configs/ or the path of a TOML file; also the name of the run.
        set: overrides such as ``teachers.0.model=cross-encoder/ms-marco-MiniLM-L6-v2``.
        stage: make only this stage; everything before it must be there.
        refresh: make these stages again even if they are there.
        students: run only these students.
        artifacts: root folder of the store.
        config: a whole configuration; without one, the profile's TOML file is read.
    """
    logging.getLogger("distill").setLevel(logging.INFO)
    chosen = config or load(config_path(profile), set or (), students or ())
    store = ArtifactStore(Path(artifacts))
    choice = Choice(refresh=tuple(refresh or ()), only=stage or "")
    check_inputs(chosen, store, choice)
    execution = Execution(store, choice, make_by_prefect(store))
    name = Path(profile).stem
    execute(chosen, name, execution)
    _publish(store, name)
    ran = sum(row.status == "ran" for row in execution.provenance)
    return f"{ran} stages run, {len(execution.provenance) - ran} reused"


def _publish(store: ArtifactStore, name: str) -> None:
    """Show the leaderboard in Prefect's UI."""
    for row, manifest in manifests(store, name):
        if row.stage == "write_report":
            create_markdown_artifact(
                store.path(manifest.ref, "leaderboard.md").read_text(), key="leaderboard"
            )
