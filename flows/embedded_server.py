"""Prefect's embedded server, started beside the run and dying with it.

Prefect's own ephemeral server outlives a killed run for ever; this one is told by the kernel when
its parent dies. Its home lies inside the project unless PREFECT_HOME says otherwise, and it sends
no telemetry.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from data.errors import StageFailed

HOME = Path(__file__).resolve().parent.parent / ".prefect"
PATIENCE_S = 120
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_MEMO_STORE_PATH": "",
}
SERVER = """
import ctypes, os, signal, sys, threading, time
parent = int(sys.argv[2])
try:
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGTERM)
except OSError:  # not Linux: look every second
    pass
def watch():
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
import uvicorn
uvicorn.run("prefect.server.api.server:create_app", factory=True, host="127.0.0.1",
            port=int(sys.argv[1]), log_level="critical", lifespan="on")
"""


def settle_environment() -> None:
    """Set what Prefect reads when it is imported; what the user has set stays."""
    os.environ.setdefault("PREFECT_HOME", str(HOME))
    for name in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_RESULTS_DEFAULT_SERIALIZER"):
        os.environ.setdefault(name, QUIET[name])


@contextmanager
def embedded_server() -> Generator[str]:
    """Run a server for as long as the block lasts and point Prefect to it.

    Raises:
        StageFailed: the server did not come up.
    """
    settle_environment()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ.update({name: value for name, value in QUIET.items() if value})
    url = f"http://127.0.0.1:{port}/api"
    environment = {**os.environ, "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    process = subprocess.Popen(  # noqa: S603  (our own interpreter and text)
        [sys.executable, "-c", SERVER, str(port), str(os.getpid())], env=environment
    )
    os.environ["PREFECT_API_URL"] = url
    try:
        _wait(process, url)
        yield url
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        process.terminate()
        process.wait(timeout=30)


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310  (loopback)
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    msg = (
        f"Prefect's embedded server: found it {'stopped' if process.poll() is not None else 'silent'} after "
        f"starting; expected an answer within {PATIENCE_S} s. Install the versions of constraints.txt."
    )
    raise StageFailed(msg)
