"""``distill gc``: remove what no run needs, and what killed processes left behind."""

import argparse
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.locks import held_if_free
from data.upkeep.addresses import in_use
from data.upkeep.garbage import collect, garbage, is_running, size_of
from data.upkeep.remote_garbage import collect_remote, remote_garbage, unused_teachers
from data.upkeep.scores import compact_scores, forget_teacher, scored_teachers
from flows.named_runs import every_run
from flows.records import RunRecord


@dataclass(frozen=True)
class Swept:
    """Something that was removed or made smaller, or would be."""

    what: str
    why: str
    size_bytes: int


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill gc``."""
    command.add_argument("--dry-run", action="store_true", help="only say what would go")
    command.add_argument(
        "--keep-history",
        action="store_true",
        help="keep the artifacts of NAME@1, NAME@2, … too; without it only the last run under a name keeps "
        "its artifacts, and why and diff can no longer tell of those before",
    )
    command.add_argument(
        "--teachers",
        action="store_true",
        help="also remove the stored scores of teachers that no run names; without it no score is ever lost",
    )


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print what goes, and how many bytes.

    Raises:
        ConfigError: a record cannot be read, or a run is at work in this store; nothing was removed.
    """
    if not store.root.is_dir():
        raise ConfigError(
            where=str(store.root), found="no store", expected="its root", advice="Name it: --artifacts FOLDER"
        )
    runs = every_run(store, earlier=given.keep_history)
    if given.dry_run:
        freed = _sweep(store, runs, teachers=given.teachers, dry=True)
        print(f"{freed} bytes would be freed")
        return
    with held_if_free(in_use(store)) as free:
        if not free:
            raise ConfigError(
                where=str(store.root),
                found="a run at work",
                expected="none, for what it has made is named by no record yet",
                advice="Wait for it, or look only: distill gc --dry-run",
            )
        freed = _sweep(store, runs, teachers=given.teachers, dry=False)
    print(f"{freed} bytes freed")


def _sweep(store: ArtifactStore, runs: dict[str, RunRecord], *, teachers: bool, dry: bool) -> int:
    freed = 0
    for sweep in (*SWEEPS, *([_unused_teachers] if teachers else [])):
        for each in sweep(store, runs, dry):
            print(f"{each.size_bytes:14}  {each.what}  ({each.why})")
            freed += each.size_bytes
    return freed


def _artifacts(store: ArtifactStore, runs: dict[str, RunRecord], dry: bool) -> Iterator[Swept]:
    found = garbage(store, {row.key for record in runs.values() for row in record.rows})
    for each in found if dry else collect(store, found):
        yield Swept(str(each.path.relative_to(store.root)), each.reason, each.size_bytes)


def _remote(store: ArtifactStore, runs: dict[str, RunRecord], dry: bool) -> Iterator[Swept]:
    """The same on the object store, of which the folders here are copies."""
    found = remote_garbage(store, {row.key for record in runs.values() for row in record.rows})
    for each in found if dry else collect_remote(store, found):
        yield Swept(f"{each.what} on the object store", each.reason, each.size_bytes)


def _records(store: ArtifactStore, _runs: dict[str, RunRecord], dry: bool) -> Iterator[Swept]:
    """Folders of links that a killed run did not put in their place, where a later run did."""
    for folder in sorted((store.root / "runs").glob(".*-*")):
        name, _, pid = folder.name.removeprefix(".").rpartition("-")
        placed = (store.root / "runs" / name / "run.json").is_file()
        if placed and pid.isdecimal() and not is_running(int(pid)):
            swept = Swept(str(folder.relative_to(store.root)), f"process {pid} left it", size_of(folder))
            if not dry:
                shutil.rmtree(folder)
            yield swept


def _scores(store: ArtifactStore, _runs: dict[str, RunRecord], dry: bool) -> Iterator[Swept]:
    """Small shards become few large ones. No score is lost: what was scored once is never scored again."""
    if dry:
        return
    for folder, done in compact_scores(store):
        why = f"{done.shards_before} shards became {done.shards_after}, {done.strays} strays went"
        yield Swept(str(folder.relative_to(store.root)), why, done.bytes_freed)


def _unused_teachers(store: ArtifactStore, runs: dict[str, RunRecord], dry: bool) -> Iterator[Swept]:
    """Scores of teachers that no run names, where the user asked for it: they are dear to make anew."""
    rows = {(row.stage, row.key) for record in runs.values() for row in record.rows}
    manifests = [store.manifest(*row) for row in rows]
    used = {str(each.facts.get("teacher_digest")) for each in manifests if each}
    for shards in scored_teachers(store):
        if shards.folder.name not in used:
            rows_kept = shards.manifest().rows
            size = size_of(shards.folder) if dry else forget_teacher(shards.folder)
            why = f"{rows_kept} scores of a teacher that no run names"
            yield Swept(str(shards.folder.relative_to(store.root)), why, size)
    # Last, for what is still in a cache is uploaded again when it is looked at.
    gone = unused_teachers(store, used)
    for each in gone if dry else collect_remote(store, gone):
        yield Swept(f"{each.what} on the object store", each.reason, each.size_bytes)


# Every keeper of files below the root: (store, the runs whose artifacts stay, whether only to look).
Sweep = Callable[[ArtifactStore, dict[str, RunRecord], bool], Iterator[Swept]]
SWEEPS: tuple[Sweep, ...] = (_remote, _artifacts, _records, _scores)
