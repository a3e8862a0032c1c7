"""``distill serve``: the deployments of prefect.yaml from one process, for a laptop.

Servers with workers deploy the same file; both register the same names, so use one of them.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import yaml

from data.errors import StageFailed
from flows.config import ROOT
from flows.embedded_server import PATIENCE_S, settle_environment

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def declared() -> list[dict[str, Any]]:
    """The deployments that prefect.yaml declares."""
    return yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def serve_deployments(port: int, artifacts: str) -> None:
    """Start a server unless one is configured, then serve until interrupted."""
    settle_environment()
    server = None
    if not os.environ.get("PREFECT_API_URL"):
        server = _start_server(port)
    try:
        _serve(artifacts)
    except KeyboardInterrupt:
        pass
    finally:
        if server is not None:
            server.terminate()
            server.wait(timeout=30)


def _start_server(port: int) -> "subprocess.Popen[bytes]":
    url = f"http://127.0.0.1:{port}/api"
    # The UI is served on this port and must call it, not the default one.
    environment = {**os.environ, "PREFECT_SERVER_UI_API_URL": "/api"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)  # noqa: S603  (our own interpreter)
    os.environ["PREFECT_API_URL"] = url
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310  (loopback)
                return process
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    process.terminate()
    process.wait(timeout=30)
    msg = f"Prefect's server on port {port}: found no answer at {url}; expected one. Try another --port."
    raise StageFailed(msg)


def _serve(artifacts: str) -> None:
    from prefect import serve

    from flows.prefect_automations import register

    url = os.environ["PREFECT_API_URL"]
    print(f"In another shell: export PREFECT_API_URL={url}")  # noqa: T201
    print("then: prefect deployment run distill-pipeline/sample --watch")  # noqa: T201
    # Runs are processes of their own: what they read when they start is set here.
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    register()
    serve(*served(artifacts), limit=1)


def served(artifacts: str) -> "list[RunnerDeployment]":
    """Make the deployments that this process runs; their work pools and schedules are for servers."""
    from flows import prefect_flow

    return [
        getattr(prefect_flow, each["entrypoint"].partition(":")[2]).to_deployment(
            name=each["name"],
            description=each["description"],
            tags=each["tags"],
            parameters={**each["parameters"], "artifacts": artifacts},
        )
        for each in declared()
    ]
