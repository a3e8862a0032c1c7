import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.flow
ROOT = Path(__file__).parents[2]
HOLD = """
import time
from flows.embedded_server import embedded_server
with embedded_server() as url:
    print(url, flush=True)
    time.sleep(120)
"""


def answers(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as response:  # noqa: S310  (loopback)
            return response.status == 200
    except OSError:
        return False


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_the_server_dies_with_its_run(tmp_path, signal_):
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    url = process.stdout.readline().strip()
    assert answers(url)
    process.send_signal(signal_)
    process.wait(timeout=30)
    process.stdout.close()
    deadline = time.monotonic() + 30
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not answers(url)
    assert (tmp_path / "prefect").is_dir()  # its home is where PREFECT_HOME says


def test_telemetry_is_off_and_results_are_json(monkeypatch):
    from flows.embedded_server import settle_environment

    for name in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_RESULTS_DEFAULT_SERIALIZER"):
        monkeypatch.delenv(name, raising=False)
    settle_environment()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
