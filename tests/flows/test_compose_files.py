"""docker-compose.yml and compose.ha.yaml by the schema of the Compose Specification, and what it cannot say.

The schema is the one that check-jsonschema carries (``vendor.compose-spec``). What the services do when they
run: test_operating.py starts the same commands with the same environment.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.flows.real_processes import SECRETS, compose, interpolated

ROOT = Path(__file__).parents[2]
FILES = ("docker-compose.yml", "compose.ha.yaml")
ONE_SHOT = {"deploy", "migrate"}


def whole(*files):
    """The services after the files are laid over each other as compose does it."""
    services = {}
    for file in files:
        for name, service in compose(SECRETS, file)["services"].items():
            known = services.setdefault(name, {})
            for key, value in service.items():
                both = isinstance(value, dict) and isinstance(known.get(key), dict)
                known[key] = {**known[key], **value} if both else value
    return services


BOTH = {"one host": FILES[:1], "split": FILES}
either = pytest.mark.parametrize("files", BOTH.values(), ids=BOTH)


@pytest.mark.parametrize("file", FILES)
def test_the_file_fits_the_schema_of_the_compose_specification(file):
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", ROOT / file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@either
def test_whatever_is_named_exists(files):
    services = whole(*files)
    volumes = {name for file in files for name in compose(SECRETS, file)["volumes"]}
    used = set()
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert name in services
            finished = how["condition"] == "service_completed_successfully"
            assert finished == (name in ONE_SHOT)
            assert finished or "healthcheck" in services[name]
        used |= {volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] not in "./"}
    assert used == volumes


@either
def test_services_are_watched_pinned_and_reached_from_this_machine_alone(files):
    for name, service in whole(*files).items():
        assert "healthcheck" in service or name in ONE_SHOT, name
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+.*", service["image"]), f"{name}: {service['image']}"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_the_images_that_we_build_do_not_run_as_root():
    text = (ROOT / "Dockerfile").read_text()
    stages = re.split(r"(?m)^FROM ", text)[1:]
    assert re.match(r"python:3\.11\.\d+-slim-\w+ AS base", stages[0])
    assert {re.search(r"AS (\w+)", each)[1]: each.strip().splitlines()[-1] for each in stages[1:]} == {
        "server": "USER distill",
        "worker": "USER distill",
    }
    # Dependencies before code: an edited file rebuilds one layer.
    assert stages[2].index("pip install --constraint constraints.txt --editable") < stages[2].index(
        "COPY --chown=distill . ."
    )
    torch = re.search(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[1]
    assert f"torch=={torch}+cpu" in stages[2]
    assert f'TORCH: "torch=={torch}"' in (ROOT / "docker-compose.yml").read_text()


@pytest.mark.parametrize("file", FILES)
def test_nothing_starts_with_the_example_of_an_env_file(file):
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if re.match(r"\w+=", line)
    )
    assert {name: example[name] for name in (*SECRETS, "S3_ACCESS_KEY", "S3_SECRET_KEY")} == {
        **dict.fromkeys(SECRETS, ""),
        "S3_ACCESS_KEY": "",
        "S3_SECRET_KEY": "",
    }
    with pytest.raises(KeyError, match=r"set \w+.* in \.env"):
        interpolated((ROOT / file).read_text(), example)
    asked = {found for each in FILES for found in re.findall(r"\$\{(\w+)", (ROOT / each).read_text())}
    assert asked == set(example)


def test_the_s3_store_refuses_to_start_without_keys(tmp_path):
    [script] = compose(SECRETS)["services"]["s3"]["command"]
    stub = tmp_path / "weed"
    stub.write_text("#!/bin/sh\necho weed $@\n")
    stub.chmod(0o755)

    def start(**keys):
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            **keys,
        }
        return subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, text=True)

    assert start().returncode == 1
    assert "set S3_ACCESS_KEY and S3_SECRET_KEY in .env" in start(AWS_ACCESS_KEY_ID="key").stderr
    assert start(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="key").stdout == "weed mini -dir=/data\n"  # noqa: S106


@either
def test_every_setting_of_prefect_is_one(files):
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings

    known = set(_get_settings_fields(Settings))
    for service in whole(*files).values():
        for name in service.get("environment", {}):
            if name.startswith("PREFECT_") and not name.startswith("PREFECT_REDIS_"):
                assert name in known, name


def test_the_split_has_every_setting_that_keeps_it_from_losing_task_runs():
    services = whole(*FILES)
    server, background = (services[name]["environment"] for name in ("prefect-server", "prefect-services"))
    shared = {name for name in background if "REDIS" in name or "redis" in background[name]}
    assert shared == {
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
        "PREFECT_SERVER_DOCKET_URL",
        "PREFECT_REDIS_MESSAGING_HOST",
        "PREFECT_REDIS_MESSAGING_PORT",
        "PREFECT_REDIS_MESSAGING_DB",
    }
    assert {name: server[name] for name in background if name in server} == {
        name: background[name] for name in background if name in server
    }
    assert shared <= set(server)
    assert "--no-services" in services["prefect-server"]["command"]


def test_prefect_has_one_version_everywhere():
    pinned = re.search(r"^prefect==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[1]
    assert yaml.safe_load((ROOT / "prefect.yaml").read_text())["prefect-version"] == pinned
