"""What the last run of a configuration made, and a folder where its tables are easy to find.

<root>/runs/<name>/run.json                 stage, of and key of every artifact
<root>/runs/<name>/<table>/<stage>-<of>.parquet   links into the store, made anew by each run
<root>/runs/<name>/history/<when>.json      the records before it

In the cache of an object store the records are fetched before they are read, and uploaded when written.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.manifests import Manifest, part_name
from data.remote import run_records
from flows.history import carry


@dataclass(frozen=True)
class RecordRow:
    """One artifact of a run."""

    stage: str
    of: str
    key: str


@dataclass(frozen=True)
class RunRecord:
    """The artifacts of the last run under one name, in the order of the pipeline."""

    rows: tuple[RecordRow, ...] = ()

    def key_of(self, stage: str, of: str) -> str | None:
        """Key of the artifact that a stage made for ``of``; None if it made none."""
        return next((row.key for row in self.rows if (row.stage, row.of) == (stage, of)), None)

    def any_key(self, stage: str) -> str | None:
        """Key of some artifact of the stage: the nearest thing to compare a new ``of`` with."""
        return next((row.key for row in self.rows if row.stage == stage), None)


def folder_of(store: ArtifactStore, name: str) -> Path:
    """Where the record and the links of a run lie."""
    return store.root / "runs" / name


def read_record(store: ArtifactStore, name: str) -> RunRecord:
    """Read the record; an empty one if nothing was run under this name."""
    if store.mirror:
        run_records.fetch(store.mirror.objects, store.root, name)
    try:
        rows = json.loads((folder_of(store, name) / "run.json").read_text())
        return RunRecord(tuple(RecordRow(**row) for row in rows))
    except (FileNotFoundError, ValueError, TypeError):
        return RunRecord()


def write_record(store: ArtifactStore, name: str, rows: Sequence[RecordRow]) -> None:
    """Write the record and make the links to the tables anew."""
    remote = run_records.fetch(store.mirror.objects, store.root, name) if store.mirror else None
    folder = folder_of(store, name)
    fresh = folder.with_name(f".{name}-{os.getpid()}")
    fresh.mkdir(parents=True)
    _link_all(store, rows, fresh)
    (fresh / "run.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    carry(folder, fresh)
    # Two runs under one name may finish together; the later one's record stands.
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    # A run that made nothing else than the last writes nothing there: it may be one that only may read.
    if store.mirror and remote != (folder / "run.json").read_bytes():
        run_records.push(store.mirror.objects, store.root, name)


def _link_all(store: ArtifactStore, rows: Sequence[RecordRow], fresh: Path) -> None:
    for row in rows:
        manifest = store.manifest(row.stage, row.key)
        if manifest is not None:
            _link(store, manifest, fresh, f"{row.stage}-{row.of}" if row.of else row.stage)


def _link(store: ArtifactStore, manifest: Manifest, fresh: Path, label: str) -> None:
    label = label.replace("/", "-").replace(":", "-")
    for name, part in manifest.parts.items():
        target = store.folder(manifest.stage, manifest.key) / part_name(name, part)
        stem, dot, suffix = name.partition(".")
        table = suffix == "parquet"
        link = (
            fresh / stem / f"{label}.parquet" if table else fresh / "files" / f"{label}-{stem}{dot}{suffix}"
        )
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target.resolve(), link.parent.resolve()))


def manifests(store: ArtifactStore, name: str) -> list[tuple[RecordRow, Manifest]]:
    """The manifests of the last run.

    Raises:
        ConfigError: nothing was run under this name here.
    """
    rows = read_record(store, name).rows
    found = [(row, store.manifest(row.stage, row.key)) for row in rows]
    whole = [(row, manifest) for row, manifest in found if manifest is not None]
    if not whole:
        raise ConfigError(
            where=f"run {name!r}",
            found=f"nothing under {folder_of(store, name)}",
            expected="a finished run",
            advice=f"Start it with: distill run {name}",
        )
    return whole


def tables_glob(store: ArtifactStore, name: str, table: str) -> str:
    """Glob of the Parquet files of one table, over all stages that made it.

    Raises:
        ConfigError: the last run has no such table.
    """
    found = {
        part.removesuffix(".parquet")
        for _, manifest in manifests(store, name)
        for part in manifest.parts
        if part.endswith(".parquet")
    }
    if table not in found:
        raise ConfigError(
            where=f"table {table!r}",
            found="no such table in the last run",
            expected=f"one of {', '.join(sorted(found))}",
            advice=f"See distill ls {name}.",
        )
    if store.mirror:
        _bring(store, name, f"{table}.parquet")
    return str(folder_of(store, name) / table / "*.parquet")


def _bring(store: ArtifactStore, name: str, part: str) -> None:
    """Fetch what the links of a table point to; on a machine that ran nothing, make the links first."""
    found = manifests(store, name)
    for _, manifest in found:
        if part in manifest.parts:
            store.path(manifest.ref, part)
    _link_all(store, [row for row, _ in found], folder_of(store, name))
