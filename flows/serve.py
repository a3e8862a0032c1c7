"""``distill serve``: the deployments of distill-pipeline from one process, for a laptop.

Servers with workers use prefect.yaml instead; both register the same names, so use one of them.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from data.errors import StageFailed
from flows.embedded_server import PATIENCE_S, settle_environment

PROFILES = ("sample", "nq")


def serve_deployments(port: int, artifacts: Path) -> None:
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


def _serve(artifacts: Path) -> None:
    from prefect import serve

    from flows.prefect_flow import run_pipeline

    url = os.environ["PREFECT_API_URL"]
    print(f"In another shell: export PREFECT_API_URL={url}")  # noqa: T201
    print("then: prefect deployment run distill-pipeline/sample --watch")  # noqa: T201
    serve(
        *[
            run_pipeline.to_deployment(  # pyright: ignore[reportArgumentType]  (a coroutine only inside a loop)
                name=profile,
                tags=["distill", profile],
                parameters={"profile": profile, "artifacts": str(artifacts)},
            )
            for profile in PROFILES
        ]
    )
