"""Is every object of an object store what was written? Sizes come with the listing; bytes are read on demand.

What a cache holds of an artifact is read in any case, and removed where it is damaged: it is fetched anew.
"""

import shutil
from collections.abc import Iterable, Iterator

from data.artifacts import ArtifactStore
from data.manifests import MANIFEST, FileEntry, files_of_part
from data.remote.mirror import Mirror
from data.remote.objects import Listed, Objects
from data.remote.score_shards import WriterManifest
from data.seals import unsealed
from data.upkeep.addresses import Address
from data.upkeep.damages import Checked, Damage, compared

SCORES = "scores"
IN_CACHE = "It was the copy in the cache; it is removed, and fetched again when it is read."
SCORED_AGAIN = "The next distill run scores its pairs again and no others."


def check_remote(store: ArtifactStore, chosen: Iterable[Address], *, read: bool) -> Iterator[Checked]:
    """Look at every object of these artifacts; with ``read`` at all bytes, else at the sizes."""
    for address in chosen:
        if store.mirror is not None:
            store.mirror.forget(*address)
            yield from _artifact(store, store.mirror, address, read=read)
    store.digests.save()


def check_remote_scores(store: ArtifactStore, *, read: bool) -> Iterator[Checked]:
    """Look at every shard that a manifest of a teacher names; what was merged since is not missed."""
    if store.mirror is None:
        return
    objects = store.mirror.objects
    for teacher in objects.folders(SCORES):
        listed = objects.below(f"{SCORES}/{teacher}")
        for name in sorted(listed):
            if not name.startswith("manifest-"):
                continue
            try:
                content = objects.read(f"{SCORES}/{teacher}/{name}") or b""
                manifest = WriterManifest.model_validate_json(unsealed(content))
            except ValueError:
                told = Damage(SCORES, teacher, name, "other bytes than were written", "its own", SCORED_AGAIN)
                yield Checked(listed[name].size_bytes, told)
                continue
            for shard in manifest.shards:
                if shard.name in listed:
                    entry = FileEntry(name=shard.name, size_bytes=shard.size_bytes, sha256=shard.sha256)
                    place, seen = Address(SCORES, teacher), listed[shard.name]
                    yield _object(objects, place, seen, entry, read=read, advice=SCORED_AGAIN)


def _artifact(store: ArtifactStore, mirror: Mirror, address: Address, *, read: bool) -> Iterator[Checked]:
    manifest = store.manifest(*address)
    if manifest is None or not mirror.is_current(manifest):
        there = MANIFEST in mirror.listing(*address)
        found = "bytes that are not those that were written" if there else "no such object"
        yield Checked(0, Damage(*address, file=MANIFEST, found=found, expected="a readable manifest"))
        return
    yield Checked(mirror.listing(*address)[MANIFEST].size_bytes)
    for part in manifest.parts.items():
        for name, entry in files_of_part(*part):
            placed = entry.model_copy(update={"name": name})
            yield _object(mirror.objects, address, mirror.listing(*address).get(name), placed, read=read)
            copy = store.folder(*address) / name
            if copy.exists():
                found, expected = compared(store, copy, entry)
                if found != expected:
                    shutil.rmtree(copy) if copy.is_dir() else copy.unlink()
                    yield Checked(entry.size_bytes, Damage(*address, name, found, expected, IN_CACHE))


def _object(  # noqa: PLR0913  (what is asked about, and how)
    objects: Objects,
    address: Address,
    listed: Listed | None,
    entry: FileEntry,
    *,
    read: bool,
    advice: str = "",
) -> Checked:
    found, expected = _compared(objects, f"{address}/{entry.name}", listed, entry, read=read)
    harm = Damage(*address, entry.name, found, expected, advice) if found != expected else None
    return Checked(entry.size_bytes, harm)


def _compared(
    objects: Objects, name: str, listed: Listed | None, entry: FileEntry, *, read: bool
) -> tuple[str, str]:
    if listed is None:
        return "no such object", f"{entry.size_bytes} bytes"
    if not read or listed.size_bytes != entry.size_bytes:
        return f"{listed.size_bytes} bytes", f"{entry.size_bytes} bytes"
    return f"sha256 {objects.digest(name)}", f"sha256 {entry.sha256}"
