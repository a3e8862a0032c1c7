"""Running on a worker: test_operating.py."""

import pytest

from data.artifacts import ArtifactStore
from flows.config import CONFIGS, load
from flows.distill_pipeline import STAGES
from flows.serve import declared

NAMES = [stage.name for stage in STAGES]


def form(flow):
    from prefect.utilities.callables import parameter_schema

    return parameter_schema(flow.fn).model_dump()


def test_the_form_knows_every_stage_and_the_whole_configuration():
    from flows.prefect_flow import run_pipeline

    schema = form(run_pipeline)
    assert {"profile", "set", "stage", "refresh", "students", "artifacts", "config"} == set(
        schema["properties"]
    )
    assert schema["properties"]["stage"]["anyOf"][0]["enum"] == NAMES
    assert {"MineConfig", "BeirConfig"} <= set(schema["definitions"])
    assert schema["definitions"]["MineConfig"]["additionalProperties"] is False  # a typo is refused
    assert "description" in schema["properties"]["set"]


def test_the_form_of_a_stage_asks_which():
    from flows.prefect_flow import run_stage

    schema = form(run_stage)
    assert schema["properties"]["stage"]["enum"] == NAMES
    assert schema["required"] == ["stage"]


def test_a_wrong_parameter_is_refused_with_its_name():
    from prefect.exceptions import ParameterTypeError

    from flows.prefect_flow import run_pipeline

    with pytest.raises(ParameterTypeError, match="mine_candidates"):
        run_pipeline.validate_parameters({"stage": "mine_candidate"})


def test_a_run_is_named_by_its_profile_and_teachers(tiny_toml):
    from flows.prefect_flow import run_name

    assert run_name({"profile": str(tiny_toml)}) == "tiny-tiny-lexical"
    assert run_name({"profile": str(tiny_toml), "stage": "ingest"}) == "ingest-tiny-tiny-lexical"
    assert run_name({"profile": "mine", "config": load(tiny_toml)}) == "mine-tiny-lexical"
    renamed = run_name({"profile": str(tiny_toml), "set": ["teachers.0.name=other"]})
    assert renamed == "tiny-other-lexical"
    assert run_name({"profile": "nowhere"}) == "nowhere"  # the run itself says what is wrong


def test_prefect_yaml_deploys_three_profiles_and_every_stage():
    runs = {each["name"]: each for each in declared() if each["entrypoint"].endswith(":run_pipeline")}
    assert list(runs) == ["sample", "nq", "local"]
    assert all((CONFIGS / f"{name}.toml").is_file() for name in runs)
    assert all(each["parameters"]["profile"] == name for name, each in runs.items())
    stages = [each for each in declared() if each["entrypoint"].endswith(":run_stage")]
    assert [each["name"] for each in stages] == NAMES, "prefect.yaml: one line for each stage, in their order"
    assert [each["parameters"]["stage"] for each in stages] == NAMES


def test_every_deployment_is_tagged_runs_alone_and_sleeps():
    for each in declared():
        assert "distill" in each["tags"]
        assert each["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
        assert each["work_pool"]["name"] == "distill"
        assert not any(schedule["active"] for schedule in each.get("schedules", []))


def test_every_parameter_of_a_deployment_fits_its_flow():
    from flows import prefect_flow

    for each in declared():
        flow = getattr(prefect_flow, each["entrypoint"].partition(":")[2])
        flow.validate_parameters(each["parameters"])


def test_artifacts_lie_where_the_worker_says(tmp_path, monkeypatch, tiny_toml):
    from contextlib import nullcontext

    from flows import prefect_flow
    from flows.execution import make_directly

    seen = []
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(tmp_path / "volume"))
    monkeypatch.setattr(prefect_flow, "alone_on", lambda root: nullcontext(seen.append(root)))
    monkeypatch.setattr(prefect_flow, "make_by_prefect", make_directly)
    monkeypatch.setattr(prefect_flow, "publish", lambda store, name, rows: None)
    done = prefect_flow.run_stage.fn("ingest", profile=str(tiny_toml))
    assert seen == [str(tmp_path / "volume")]
    assert done == "1 stages run, 0 reused"
    assert len(list((ArtifactStore(tmp_path / "volume").root / "ingest").iterdir())) == 1
