"""Is every file of the store what was written? All bytes are read again; nothing remembered is trusted.

A file that was changed without a trace, size and time as before, passes every cheap look. So a damaged file
gets a new modification time: what any process remembers of it is void, and the next run sees the damage.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.artifacts import MANIFEST, ArtifactStore, part_name
from data.locks import undisturbed
from data.manifests import FileEntry, Manifest
from data.upkeep.addresses import Address, addresses, lock_of


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written; ``advice`` where another command than a run mends it."""

    stage: str
    key: str
    file: str
    found: str
    expected: str
    advice: str = ""


@dataclass(frozen=True)
class Checked:
    """A file that was looked at."""

    size_bytes: int
    damage: Damage | None = None


def damages(store: ArtifactStore, chosen: Iterable[Address] | None = None) -> Iterator[Damage]:
    """Everything in these artifacts, or in all that are finished, that is not as it was written."""
    return (each.damage for each in check(store, chosen) if each.damage is not None)


def check(store: ArtifactStore, chosen: Iterable[Address] | None = None) -> Iterator[Checked]:
    """Look at every file of these artifacts, or of all finished ones; one that is being made is left out."""
    try:
        for address in finished(store) if chosen is None else chosen:
            with undisturbed(lock_of(store, address)) as free:
                if free:
                    yield from _artifact(store, address)
    finally:
        store.digests.save()


def finished(store: ArtifactStore) -> list[Address]:
    """Artifacts that have a manifest, readable or not; a folder without one was never finished."""
    return [each for each in addresses(store) if (store.folder(*each) / MANIFEST).is_file()]


def _artifact(store: ArtifactStore, address: Address) -> Iterator[Checked]:
    folder = store.folder(*address)
    manifest = store.manifest(*address)
    if manifest is None:
        there = (folder / MANIFEST).is_file()
        found = "bytes that are not those that were written" if there else "no such file"
        yield Checked(0, Damage(*address, file=MANIFEST, found=found, expected="a readable manifest"))
        return
    yield Checked((folder / MANIFEST).stat().st_size)
    for path, entry in files_of(folder, manifest):
        found, expected = compared(store, path, entry)
        name = path.relative_to(folder).as_posix()
        harm = Damage(*address, file=name, found=found, expected=expected) if found != expected else None
        yield Checked(entry.size_bytes, harm)


def files_of(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, FileEntry]]:
    """Every file that a manifest names, and what it says of it."""
    for name, part in manifest.parts.items():
        base = folder / part_name(name, part)
        yield from ((base / entry.name if entry.name else base, entry) for entry in part.files)


def compared(store: ArtifactStore, path: Path, entry: FileEntry) -> tuple[str, str]:
    """Say what a file is and what it should be; equal if it is what was written."""
    if not path.is_file():
        return "no such file", f"{entry.size_bytes} bytes"
    if (size := path.stat().st_size) != entry.size_bytes:
        return f"{size} bytes", f"{entry.size_bytes} bytes"
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    if sha != entry.sha256:
        os.utime(path)
    store.digests.remember(path, sha)
    return f"sha256 {sha}", f"sha256 {entry.sha256}"
