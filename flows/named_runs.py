"""Which artifacts a name on the command line means: ``NAME`` the last run, ``NAME@1`` the one before it."""

import json
import re
from pathlib import Path

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.remote import run_records
from flows.history import KEPT, entries
from flows.records import RecordRow, RunRecord, folder_of


def named_run(store: ArtifactStore, name: str) -> RunRecord:
    """Read one record.

    Raises:
        ConfigError: there is no such run, or its record cannot be read.
    """
    if store.mirror:
        run_records.fetch_all(store.mirror.objects, store.root)
    last = folder_of(store, name) / "run.json"
    if last.is_file():
        return read(last)
    plain, back = _split(name)
    if not (folder_of(store, plain) / "run.json").is_file():
        known = ", ".join(sorted(path.parent.name for path in (store.root / "runs").glob("[!.]*/run.json")))
        raise ConfigError(
            where=f"run {name!r}",
            found=f"nothing under {folder_of(store, plain)}",
            expected=f"one of {known}" if known else "a finished run",
            advice=f"Start it with: distill run {plain}",
        )
    earlier = entries(folder_of(store, plain))
    if not 1 <= back <= len(earlier):
        raise ConfigError(
            where=f"run {name!r}",
            found=f"{len(earlier)} earlier runs under this name",
            expected=f"{plain}, or {plain}@1 to {plain}@{len(earlier)}" if earlier else plain,
            advice=f"The {KEPT} runs before the last are kept, those that made something else.",
        )
    return read(earlier[back - 1])


def every_run(store: ArtifactStore, *, earlier: bool = False) -> dict[str, RunRecord]:
    """Read the last record of every name, and with ``earlier`` those before it, by ``NAME`` and ``NAME@1``.

    A record that a killed run left beside its place (``.NAME-process``) stands in where the place is empty.

    Raises:
        ConfigError: a record cannot be read, so that nobody knows what it names.
    """
    if store.mirror:
        run_records.fetch_all(store.mirror.objects, store.root)
    found: dict[str, RunRecord] = {}
    folders = [path.parent for path in (store.root / "runs").glob("*/run.json")]
    for folder in sorted(folders, key=lambda folder: (folder.name.startswith("."), folder.name)):
        hidden = folder.name.startswith(".")
        name = folder.name.removeprefix(".").rpartition("-")[0] if hidden else folder.name
        if name in found:
            continue
        found[name] = read(folder / "run.json")
        for back, path in enumerate(entries(folder) if earlier else [], start=1):
            found[f"{name}@{back}"] = read(path)
    return found


def read(path: Path) -> RunRecord:
    """Read a record that must be there.

    Raises:
        ConfigError: it is no record.
    """
    try:
        return RunRecord(tuple(RecordRow(**row) for row in json.loads(path.read_text())))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            where=str(path),
            found=f"no record of a run ({error})",
            expected="stage, of and key of every artifact",
            advice="Run the configuration again, or delete the file if the run is not wanted any more.",
        ) from error


def _split(name: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.+)@(\d+)", name)
    return (found[1], int(found[2])) if found else (name, 0)
