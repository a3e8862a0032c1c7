import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import get_args

import pytest

pytestmark = pytest.mark.flow
ROOT = Path(__file__).parents[2]


def prefect(*arguments, environment, **given):
    return subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        **given,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prefect server and a worker of the pool distill, as real processes."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    logs = [(home / name).open("w") for name in ("server.log", "worker.log")]
    command = [sys.executable, "-m", "prefect"]
    started = [
        subprocess.Popen(
            [*command, "server", "start", "--port", str(port)],
            env=environment,
            stdout=logs[0],
            stderr=logs[0],
        )
    ]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.3)
    made = prefect("work-pool", "create", "distill", "--type", "process", environment=environment)
    assert made.returncode == 0, made.stderr
    deployed = prefect("deploy", "--all", environment=environment)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    worker = [*command, "worker", "start", "--pool", "distill", "--limit", "1"]
    started.append(subprocess.Popen(worker, cwd=ROOT, env=environment, stdout=logs[1], stderr=logs[1]))
    yield environment
    for process in reversed(started):
        process.terminate()
        process.wait(timeout=60)
    for log in logs:
        log.close()


def test_a_deployment_runs_to_completed_on_a_worker(server, tiny_toml, tmp_path):
    done = prefect(
        *("deployment", "run", "distill-pipeline/sample", "--watch"),
        *("-p", f"profile={json.dumps(str(tiny_toml))}"),
        *("-p", f"artifacts={json.dumps(str(tmp_path / 'artifacts'))}"),
        environment=server,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Completed" in done.stdout + done.stderr
    assert (tmp_path / "artifacts" / "runs" / "tiny" / "run.json").exists()

    one_stage = prefect(
        *("deployment", "run", "distill-pipeline/sample", "--watch"),
        *("-p", f"profile={json.dumps(str(tiny_toml))}"),
        *("-p", f"artifacts={json.dumps(str(tmp_path / 'artifacts'))}"),
        *("-p", 'set=["mine.depth=4"]'),
        *("-p", 'stage="mine_candidates"'),
        environment=server,
        timeout=300,
    )
    assert one_stage.returncode == 0, one_stage.stdout + one_stage.stderr
    assert len(list((tmp_path / "artifacts" / "mine_candidates").iterdir())) == 2
    assert (
        len(list((tmp_path / "artifacts" / "score_candidates").iterdir())) == 2
    )  # one per teacher, as before


def test_a_wrong_parameter_is_refused_before_a_run_starts(server):
    done = prefect(
        *("deployment", "run", "distill-pipeline/sample", "-p", 'stage="mine_candidate"'),
        environment=server,
        timeout=120,
    )
    assert done.returncode != 0
    assert "mine_candidates" in done.stdout + done.stderr


def test_the_form_knows_every_stage_and_the_whole_configuration():
    from prefect.utilities.callables import parameter_schema

    from flows.distill_pipeline import STAGES
    from flows.prefect_flow import StageName, run_pipeline

    assert get_args(StageName) == tuple(stage.name for stage in STAGES)
    schema = parameter_schema(run_pipeline.fn).model_dump()
    assert {"profile", "set", "stage", "config"} <= set(schema["properties"])
    assert {"MineConfig", "BeirConfig"} <= set(schema["definitions"])
