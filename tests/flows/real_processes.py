"""The services of docker-compose.yml as processes here: same commands and environment, other ports."""

import json
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SECRETS = {"PREFECT_AUTH": "distill:letmein", "POSTGRES_PASSWORD": "0123456789abcdef"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def interpolated(text, values):
    """Replace ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}`` as compose does."""

    def value(found):
        name, kind, rest = found.groups()
        if values.get(name):
            return values[name]
        if kind == "?":
            raise KeyError(rest)
        return rest or ""

    return re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", value, text).replace("$$", "$")


def compose(values, file="docker-compose.yml"):

    def filled(node):
        if isinstance(node, dict):
            return {key: filled(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        return interpolated(node, values) if isinstance(node, str) else node

    return filled(yaml.safe_load((ROOT / file).read_text()))


def postgres_folder():
    """Where Debian's PostgreSQL lies; ``make`` installs it where it may."""
    installed = [path.parent.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not installed:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    return max(installed, key=lambda path: int(path.name))


@contextmanager
def postgres(password):
    """A PostgreSQL with the database prefect, on a free port; it refuses root, so root becomes nobody."""
    home = Path(tempfile.mkdtemp(prefix="distill-postgres-"))
    home.chmod(0o755)
    installed, as_whom = postgres_folder(), {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    binaries = installed / "bin"
    secret = home / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    given = {
        "env": {"PATH": os.environ["PATH"], "PGPASSWORD": password, "LC_ALL": "C"},
        "cwd": home,
        **as_whom,
    }
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    how = ["--username=prefect", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"]
    subprocess.run([binaries / "initdb", "--pgdata", home / "data", *how], check=True, **quiet, **given)
    port = free_port()
    options = ["-k", str(home), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    process = subprocess.Popen([binaries / "postgres", "-D", home / "data", *options], **quiet, **given)
    try:
        where = ["-h", "127.0.0.1", "-p", str(port), "-U", "prefect"]
        wait_for(
            lambda: (
                subprocess.run([binaries / "createdb", *where, "prefect"], **quiet, **given).returncode == 0
            ),
            "PostgreSQL",
            30,
        )
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


def wait_for(condition, what, seconds):
    """Ask again and again; gives the first answer that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.3)
    pytest.fail(f"waited {seconds} s for {what}")


class Services:
    """Starts services of docker-compose.yml, and asks the server."""

    def __init__(self, folder, database_port):
        self.folder, self.port = folder, free_port()
        self.places = {
            "prefect-server:4200": f"127.0.0.1:{self.port}",
            "@postgres:5432": f"@127.0.0.1:{database_port}",
        }
        self.declared = compose(SECRETS)["services"]
        self.started, self.health = [], {}

    def environment(self, name):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT", "DISTILL"))}
        given = {key: self.here(value) for key, value in self.declared[name].get("environment", {}).items()}
        if "DISTILL_ARTIFACTS" in given:
            given["DISTILL_ARTIFACTS"] = str(self.folder / "artifacts")
        own = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PREFECT_HOME": str(self.folder / f"home-{name}"),
            "PREFECT_WORKER_WEBSERVER_PORT": str(free_port()),
        }
        return {**kept, **own, **given}

    def here(self, text):
        for there, place in self.places.items():
            text = text.replace(there, place)
        return text

    def command(self, name):
        command = self.declared[name]["command"]
        return shlex.split(command) if isinstance(command, str) else command

    def start(self, name, *more):
        log = (self.folder / f"{name}.log").open("w")
        environment = self.environment(name)
        path = shutil.which(self.command(name)[0], path=environment["PATH"])
        command = [path, *self.command(name)[1:], *more]
        self.health[name] = environment["PREFECT_WORKER_WEBSERVER_PORT"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        log.close()
        self.started.append(process)
        return process

    def serve(self):
        """Start the server, on the port that it has from the first time on, and wait until it answers."""
        self.server = self.start("prefect-server", "--port", str(self.port))
        wait_for(lambda: self.answers("/ready"), "the server", 120)

    def run(self, name, *command, seconds=400):
        """Run the service's command to its end, or another one with its environment."""
        environment = self.environment(name)
        first, *rest = command or self.command(name)
        done = subprocess.run(
            [shutil.which(first, path=environment["PATH"]), *rest],
            cwd=ROOT,
            env=environment,
            timeout=seconds,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path, body=None, *, auth=True):
        """GET, or POST with a body; gives the parsed answer."""
        headers = {"Content-Type": "application/json"}
        if auth:
            headers["Authorization"] = "Basic " + b64encode(SECRETS["PREFECT_AUTH"].encode()).decode()
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api{path}", data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (loopback)
            return json.loads(answer.read() or "null")

    def answers(self, path):
        try:
            return self.ask(path, auth=False) is not None
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def state_of(self, run):
        return self.ask(f"/flow_runs/{run}")["state"]

    def stop(self):
        for process in reversed(self.started):
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            process.wait(timeout=60)


def kill(process):
    """Kill a worker and what it runs, at once, as the end of its container does."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for each in family:
        each.kill()
    psutil.wait_procs(family, timeout=30)
