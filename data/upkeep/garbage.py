"""What may go: artifacts that no run names or needs, and what processes that were killed left behind.

Removing an artifact begins with its manifest, under its lock: whatever interrupts it, what is left is no
artifact, and the next look finds the rest.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.artifacts import MANIFEST, ArtifactStore, part_name
from data.locks import held_if_free
from data.upkeep.addresses import KEY, Address, addresses, lock_of
from data.upkeep.lineage import Lineage

Kind = Literal["artifact", "part", "draft", "kept", "lock", "digests"]
# A stage that was cut off and that nobody has gone on with for so long is taken for given up.
GIVEN_UP_S = 7 * 24 * 3600


@dataclass(frozen=True)
class Garbage:
    """Something that nobody needs."""

    kind: Kind
    path: Path
    reason: str
    size_bytes: int


def garbage(store: ArtifactStore, kept_keys: Collection[str]) -> list[Garbage]:
    """Find what may go when the artifacts with these keys, and what they were made from, must stay."""
    found = [*_artifacts(store, Lineage.of(store), kept_keys), *_drafts(store), *_given_up(store)]
    gone = {store.folder(each.path.parent.name, each.path.name) for each in found if each.kind == "artifact"}
    found += [each for address in addresses(store) for each in _parts(store, address, gone)]
    return [*found, *_locks(store, gone), *_digests(store, [each.path for each in found])]


def collect(store: ArtifactStore, found: Iterable[Garbage]) -> Iterator[Garbage]:
    """Remove garbage and give what was removed; what somebody is working on stays."""
    remove: dict[Kind, Callable[[ArtifactStore, Path], bool]] = {
        "artifact": _remove_artifact,
        "part": _remove_part,
        "draft": _remove_draft,
        "kept": _remove_kept,
        "lock": _remove_lock,
        "digests": _forget_gone,
    }
    for each in found:
        if remove[each.kind](store, each.path):
            yield each


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_symlink() or file.is_file())


def is_running(pid: int) -> bool:
    """Whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _artifacts(store: ArtifactStore, lineage: Lineage, kept_keys: Collection[str]) -> Iterator[Garbage]:
    needed = lineage.needed(kept_keys)
    for address in addresses(store):
        folder = store.folder(*address)
        if address.key not in needed:
            ended = (folder / MANIFEST).is_file()
            reason = "no run names or needs it" if ended else "it was never finished"
            yield Garbage("artifact", folder, reason, size_of(folder))


def _parts(store: ArtifactStore, address: Address, gone: Collection[Path]) -> Iterator[Garbage]:
    folder = store.folder(*address)
    if folder in gone:
        return
    for path in _stale(store, address):
        yield Garbage("part", path, "its artifact no longer names it", size_of(path))


def _stale(store: ArtifactStore, address: Address) -> list[Path]:
    manifest = store.manifest(*address)
    if manifest is None:
        return []  # it is named, and the next run makes it anew
    known = {MANIFEST, *(part_name(name, part) for name, part in manifest.parts.items())}
    return sorted(path for path in store.folder(*address).iterdir() if path.name not in known)


def _drafts(store: ArtifactStore) -> Iterator[Garbage]:
    for path in sorted((store.root / ".drafts").glob("*-*")):
        pid = path.name.partition("-")[0]
        if pid.isdecimal() and not is_running(int(pid)):
            yield Garbage("draft", path, f"process {pid} left it", size_of(path))


def _given_up(store: ArtifactStore) -> Iterator[Garbage]:
    for path in sorted((store.root / ".kept").glob("*/*")):
        if _is_given_up(path):
            reason = f"nobody has gone on with it for {GIVEN_UP_S // (24 * 3600)} days"
            yield Garbage("kept", path, reason, size_of(path))


def _is_given_up(path: Path) -> bool:
    latest = max((each.lstat().st_mtime for each in (path, *path.rglob("*"))), default=0.0)
    return time.time() - latest > GIVEN_UP_S


def _locks(store: ArtifactStore, gone: Collection[Path]) -> Iterator[Garbage]:
    """Locks of addresses where nothing lies; one that is removed with its artifact is not told twice."""
    for path in sorted((store.root / ".locks").glob("*-*")):
        stage, _, key = path.name.rpartition("-")
        folder = store.folder(stage, key)
        if KEY.fullmatch(key) and folder not in gone and not folder.exists():
            yield Garbage("lock", path, "no artifact lies there", size_of(path))


def _digests(store: ArtifactStore, going: list[Path]) -> Iterator[Garbage]:
    memory = store.digests.memory
    roots = {str(path.resolve()) for path in going}
    count = sum(
        not path.exists() or not roots.isdisjoint(map(str, [path, *path.parents]))
        for path in map(Path, _remembered(memory))
    )
    if count:
        yield Garbage("digests", memory, f"it remembers {count} files that are gone", 0)


def _remembered(memory: Path) -> dict[str, object]:
    try:
        stored = json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _forget_gone(store: ArtifactStore, memory: Path) -> bool:
    del store
    kept = {path: known for path, known in _remembered(memory).items() if Path(path).exists()}
    scratch = memory.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(json.dumps(kept))
    scratch.replace(memory)
    return True


def _remove_artifact(store: ArtifactStore, folder: Path) -> bool:
    lock = lock_of(store, Address(folder.parent.name, folder.name))
    with held_if_free(lock) as free:
        if free:
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)
            lock.unlink()
    return free


def _remove_part(store: ArtifactStore, path: Path) -> bool:
    address = Address(path.parent.parent.name, path.parent.name)
    with held_if_free(lock_of(store, address)) as free:
        # A rebuild may have ended since: what it named stays.
        if not free or path not in _stale(store, address):
            return False
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return True


def _remove_draft(store: ArtifactStore, path: Path) -> bool:
    del store
    shutil.rmtree(path)
    return True


def _remove_kept(store: ArtifactStore, path: Path) -> bool:
    with held_if_free(lock_of(store, Address(path.parent.name, path.name))) as free:
        if not free or not _is_given_up(path):
            return False
        shutil.rmtree(path)
    return True


def _remove_lock(store: ArtifactStore, path: Path) -> bool:
    del store
    with held_if_free(path) as free:
        if free:
            path.unlink()
    return free
