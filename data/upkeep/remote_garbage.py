"""What may go from an object store: artifacts that no run names or needs, and parts that no manifest names.

No lock of another machine is seen here. So what was written in the last day stays: its upload may be under
way, or its run not at its end, where it is named. Of an artifact the manifest goes first.
"""

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from data.artifacts import ArtifactStore
from data.manifests import MANIFEST, files_of_part
from data.remote.mirror import Mirror
from data.remote.objects import Listed
from data.upkeep.addresses import KEY, NO_STAGES, Address
from data.upkeep.lineage import Lineage

YOUNG_S = 24 * 3600.0


@dataclass(frozen=True)
class RemoteGarbage:
    """Objects that nobody needs: some that go first, then all of a folder, if one is named."""

    what: str
    first: tuple[str, ...]
    folder: str
    reason: str
    size_bytes: int


def remote_addresses(mirror: Mirror) -> list[Address]:
    """Every artifact of the object store, finished or not: one listing a stage, none of their files."""
    stages = [
        each for each in mirror.objects.folders("") if not each.startswith(".") and each not in NO_STAGES
    ]
    return [
        Address(stage, key) for stage in stages for key in mirror.objects.folders(stage) if KEY.fullmatch(key)
    ]


def remote_garbage(
    store: ArtifactStore, kept_keys: Collection[str], young_s: float = YOUNG_S
) -> Iterator[RemoteGarbage]:
    """Find what may go when the artifacts with these keys, and what they were made from, must stay."""
    if store.mirror is None:
        return
    addresses = remote_addresses(store.mirror)
    found = [store.manifest(*address) for address in addresses]
    needed = Lineage({each.key: each for each in found if each is not None}).needed(kept_keys)
    for address in addresses:
        listed = store.mirror.listing(*address)
        if listed and all(_is_old(each, young_s) for each in listed.values()):
            yield from _in_artifact(store, address, listed, needed)


def collect_remote(store: ArtifactStore, found: Iterable[RemoteGarbage]) -> Iterator[RemoteGarbage]:
    """Delete garbage and give what was deleted."""
    for each in found:
        if store.mirror:
            store.mirror.objects.delete(*each.first)
            if each.folder:
                store.mirror.objects.delete_folder(each.folder)
            store.mirror.forget(*each.what.split("/")[:2])
            yield each


def unused_teachers(
    store: ArtifactStore, used: Collection[str], young_s: float = YOUNG_S
) -> Iterator[RemoteGarbage]:
    """Scores on the object store of teachers that are not used."""
    if store.mirror is None:
        return
    for teacher in store.mirror.objects.folders("scores"):
        listed = store.mirror.objects.below(f"scores/{teacher}")
        if listed and teacher not in used and all(_is_old(each, young_s) for each in listed.values()):
            folder = f"scores/{teacher}"
            first = tuple(f"{folder}/{name}" for name in listed if name.startswith("manifest-"))
            size = sum(each.size_bytes for each in listed.values())
            yield RemoteGarbage(folder, first, folder, "scores of a teacher that no run names", size)


def _in_artifact(
    store: ArtifactStore, address: Address, listed: dict[str, Listed], needed: Collection[str]
) -> Iterator[RemoteGarbage]:
    if address.key not in needed:
        reason = "no run names or needs it" if MANIFEST in listed else "it was never finished"
        first = (f"{address}/{MANIFEST}",) if MANIFEST in listed else ()
        size = sum(each.size_bytes for each in listed.values())
        yield RemoteGarbage(str(address), first, str(address), reason, size)
        return
    manifest = store.manifest(*address)
    if manifest is None or MANIFEST not in listed:
        return  # it is named, and the next run makes it anew
    parts = manifest.parts.items()
    named = {MANIFEST, *(name for part in parts for name, _ in files_of_part(*part))}
    for name in sorted(set(listed) - named):
        gone, reason = f"{address}/{name}", "its artifact no longer names it"
        yield RemoteGarbage(gone, (gone,), "", reason, listed[name].size_bytes)


def _is_old(listed: Listed, young_s: float) -> bool:
    return time.time() - listed.written_ns / 1e9 >= young_s
