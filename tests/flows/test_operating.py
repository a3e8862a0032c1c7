"""What docker-compose.yml describes, with real processes: PostgreSQL, server, deployments, two workers."""

import json
import urllib.error
import urllib.request

import pytest

from data.artifacts import ArtifactStore
from data.locks import held
from data.upkeep.addresses import in_use
from flows.prefect_roots import limit_name
from tests.flows.beir_folders import write_beir
from tests.flows.real_processes import Services, kill, postgres, wait_for

pytestmark = pytest.mark.flow
# A heartbeat comes every 30 s, which is Prefect's least.
REGISTER = ("python", "-m", "flows.prefect_automations", "--silence-s", "40", "--start-s", "45")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of four passages and a lexical teacher: seconds, and no model."""
    folder = tmp_path_factory.mktemp("tiny")
    passages = [
        ("p1", "", "The Rhine rises in the Alps."),
        ("p2", "", "Iron rusts."),
        ("p3", "", "Bach wrote fugues."),
        ("p4", "", "Gold."),
    ]
    queries = [("q1", "where does the rhine rise"), ("q2", "who wrote fugues"), ("q3", "what rusts")]
    qrels = {"train": [("q1", "p1", 1)], "dev": [("q2", "p3", 1)], "test": [("q3", "p2", 1)]}
    write_beir(folder / "collection", passages, queries, qrels)
    path = folder / "tiny.toml"
    path.write_text(f"""
        [source]
        kind = "beir"
        path = "{folder / "collection"}"
        [mine]
        depth = 3
        [[teachers]]
        kind = "bm25"
        name = "lexical"
        [gate]
        on_failure = "warn"
        [[baselines]]
        kind = "bm25"
        name = "bm25"
    """)
    return path


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    folder = tmp_path_factory.mktemp("services")
    with postgres("0123456789abcdef") as database_port:
        services = Services(folder, database_port)
        try:
            services.serve()
            services.run("deploy")
            yield services
        finally:
            services.stop()


@pytest.fixture(scope="module")
def silenced(services, tiny):
    """A run whose worker was killed, with the run, in the middle of it; and one that never began."""
    services.run("deploy", *REGISTER)
    root = services.folder / "artifacts-killed"
    worker = services.start("worker-gpu")
    deployment = services.ask("/deployments/name/distill-pipeline/nq")["id"]
    given = {"parameters": {"profile": str(tiny), "artifacts": str(root)}}
    with held(in_use(ArtifactStore(root))):  # as the garbage collector holds it: the run has to wait
        killed = services.ask(f"/deployments/{deployment}/create_flow_run", given)["id"]
        wait_for(lambda: heartbeats(services, killed), "a heartbeat", 120)
        limit = f"/v2/concurrency_limits/{limit_name(str(root))}"
        wait_for(lambda: answered(services, limit, "active_slots"), "the slot of the root", 30)
        state = services.state_of(killed)
        kill(worker)
    waiting = services.ask(f"/deployments/{deployment}/create_flow_run", given)["id"]
    handed = services.ask(f"/flow_runs/{waiting}/set_state", {"state": {"type": "PENDING"}})
    stage = services.ask("/deployments/name/distill-stage/ingest")["id"]
    never = services.ask(f"/deployments/{stage}/create_flow_run", {})["id"]
    services.ask(f"/flow_runs/{never}/set_state", {"state": {"type": "PENDING"}})
    return {
        "killed": killed,
        "never": never,
        "state": state["type"],
        "second": handed["state"]["name"],
        "root": root,
    }


def heartbeats(services, run):
    asked = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}, "limit": 50}
    found = services.ask("/events/filter", asked)["events"]
    return [each for each in found if each["resource"]["prefect.resource.id"].endswith(run)]


def answered(services, path, field):
    try:
        return services.ask(path)[field]
    except urllib.error.HTTPError:
        return None


def artifacts_of(services, run):
    asked = {"flow_runs": {"id": {"any_": [run]}}}
    return {each["key"]: each for each in services.ask("/artifacts/filter", asked)}


def test_nothing_is_told_without_the_password(services):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        services.ask("/deployments/filter", {}, auth=False)


def test_a_second_run_of_a_deployment_waits(silenced):
    assert silenced["second"] == "AwaitingConcurrencySlot"


def test_deploying_again_changes_nothing(services, silenced):
    before = {each["name"]: each["updated"] for each in services.ask("/automations/filter", {})}
    services.run("deploy", *REGISTER)
    after = services.ask("/automations/filter", {})
    assert len(after) == 2
    assert {each["name"]: each["updated"] for each in after} == before


def test_a_deployment_runs_to_completed_and_shows_what_it_made(services, silenced, tiny):
    services.start("worker")
    services.run(
        "worker",
        *("prefect", "--no-prompt", "deployment", "run", "distill-pipeline/local", "--watch"),
        *("-p", f"profile={json.dumps(str(tiny))}", "-p", "set=[]"),
    )
    asked = {"name": {"any_": ["tiny-lexical"]}, "state": {"type": {"any_": ["COMPLETED"]}}}
    [run] = services.ask("/flow_runs/filter", {"flow_runs": asked})
    shown = artifacts_of(services, run["id"])
    assert (shown["leaderboard-tiny"]["type"], shown["parquet-tiny"]["type"]) == ("table", "markdown")
    systems = {row["system"] for row in json.loads(shown["leaderboard-tiny"]["data"])}
    assert systems == {"bm25", "teacher:lexical"}
    assert "http://127.0.0.1:4201/write_report/" in shown["report-tiny"]["data"]
    assert "answers.parquet" in shown["parquet-tiny"]["data"]
    assert (services.folder / "artifacts" / "runs" / "tiny" / "run.json").exists()


def test_a_worker_tells_that_it_is_well(services, silenced):
    with urllib.request.urlopen(f"http://127.0.0.1:{services.health['worker']}/health") as answer:
        assert answer.status == 200


def test_one_stage_runs_alone(services, silenced, tiny):
    before = set((services.folder / "artifacts" / "mine_candidates").iterdir())
    services.run(
        "worker",
        *("prefect", "--no-prompt", "deployment", "run", "distill-stage/mine_candidates", "--watch"),
        *("-p", f"profile={json.dumps(str(tiny))}", "-p", 'set=["mine.depth=2"]'),
    )
    assert len(set((services.folder / "artifacts" / "mine_candidates").iterdir()) - before) == 1
    runs = services.ask("/flow_runs/filter", {"flows": {"name": {"any_": ["distill-stage"]}}})
    assert "mine_candidates-tiny-lexical" in {each["name"] for each in runs}


def test_a_run_whose_worker_was_killed_ends_as_crashed(services, silenced):
    assert silenced["state"] == "RUNNING"
    crashed = wait_for(lambda: ended(services, silenced["killed"]), "the end of the run", 90)
    assert crashed["type"] == "CRASHED"
    assert "no heartbeat for 40 s" in crashed["message"]
    never = wait_for(lambda: ended(services, silenced["never"]), "the end of the run that never began", 90)
    assert never["type"] == "CRASHED"
    assert "not begun 45 s after" in never["message"]


def test_a_run_outlives_a_restart_of_the_server(services, silenced, tiny):
    root = services.folder / "artifacts-restarted"
    deployment = services.ask("/deployments/name/distill-pipeline/local")["id"]
    given = {"parameters": {"profile": str(tiny), "set": [], "artifacts": str(root)}}
    with held(in_use(ArtifactStore(root))):  # the run has to wait in the middle
        run = services.ask(f"/deployments/{deployment}/create_flow_run", given)["id"]
        wait_for(lambda: services.state_of(run)["type"] == "RUNNING" and any(root.glob("ingest/*")), "it", 60)
        services.server.terminate()
        services.server.wait(timeout=60)
        services.serve()
    state = wait_for(lambda: ended(services, run), "the end of the run", 90)
    assert state["type"] == "COMPLETED", state
    assert (root / "runs" / "tiny" / "run.json").exists()


def ended(services, run):
    state = services.state_of(run)
    return state if state["type"] in ("CRASHED", "FAILED", "COMPLETED", "CANCELLED") else None
