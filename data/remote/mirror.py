"""The artifacts of an object store and their copies in the cache of this machine.

    upload    parts (named by their content), then <stage>/<key>/manifest.json: from then on it exists
    look      one listing of <stage>/<key>/, for each artifact once a minute: manifest and sizes of all parts
    read      a part is downloaded when it is first asked for, and its SHA-256 compared

Where manifests differ, the one that finished later counts. An artifact that is whole in the cache and not on
the object store (its upload was cut off) is uploaded when a run next needs it.
"""

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from data.digests import FileDigests
from data.errors import ArtifactDamaged, ConfigError
from data.manifests import MANIFEST, FileEntry, Manifest, files_of_part
from data.remote.addresses import marker_of
from data.remote.objects import Listed, Objects
from data.seals import unsealed

log = logging.getLogger("distill")
REMEMBERED_S = 60.0  # what a listing showed counts as long; what it did not show is looked for again
# A listing tells seconds: a manifest copied so soon after it was written may have been replaced since.
STEP_NS = 2_000_000_000
TOLD_BYTES = 50_000_000  # a download of so many bytes is told
_KNOWN: dict[Path, "Mirror"] = {}


def mirror_of(root: Path) -> "Mirror | None":
    """The object store of which a folder is the cache; None if it is a store of its own."""
    marker = marker_of(root)
    if marker is None:
        return None
    place = root.resolve()
    known = _KNOWN.get(place)
    if known is None or (known.objects.address, known.writer) != (marker.address, marker.writer):
        known = _KNOWN[place] = Mirror(Objects(marker.address), place, marker.writer)
    return known


class Mirror:
    """An object store, seen through one cache."""

    def __init__(self, objects: Objects, root: Path, writer: str) -> None:
        self.objects = objects
        self.root = root
        self.writer = writer
        self._seen: dict[str, tuple[float, dict[str, Listed]]] = {}
        self._settled: set[str] = set()

    def listing(self, stage: str, key: str) -> dict[str, Listed]:
        """The objects of one artifact."""
        prefix = f"{stage}/{key}"
        seen = self._seen.get(prefix)
        if seen and time.monotonic() - seen[0] < REMEMBERED_S:
            return seen[1]
        listed = self.objects.below(prefix)
        self._settled.discard(prefix)
        if MANIFEST in listed:
            self._seen[prefix] = time.monotonic(), listed
        return listed

    def forget(self, stage: str, key: str) -> None:
        """Look again when next asked."""
        self._seen.pop(f"{stage}/{key}", None)

    def settle(self, stage: str, key: str) -> None:
        """Bring the manifest in the cache up to date."""
        listed = self.listing(stage, key).get(MANIFEST)
        place = self.root / stage / key / MANIFEST
        if listed is None or f"{stage}/{key}" in self._settled:
            return
        self._settled.add(f"{stage}/{key}")
        if _signature(place) == listed and place.stat().st_ctime_ns - listed.written_ns > STEP_NS:
            return
        content = self.objects.read(f"{stage}/{key}/{MANIFEST}")
        remote, local = _parsed(content), _parsed(_content(place))
        if content is None or remote is None:
            return  # damaged: for then nothing is there
        if local is None or local == remote or local.finished_at <= remote.finished_at:
            _write(place, content, listed.written_ns)

    def is_current(self, manifest: Manifest) -> bool:
        """Whether the object store has this manifest."""
        listed = self.listing(manifest.stage, manifest.key).get(MANIFEST)
        return listed is not None and listed == _signature(self._folder(manifest) / MANIFEST)

    def holds(self, manifest: Manifest, name: str, entry: FileEntry) -> bool:
        """Whether the object store has a file of this artifact, as far as its size tells."""
        listed = self.listing(manifest.stage, manifest.key).get(name)
        return listed is not None and listed.size_bytes == entry.size_bytes and self.is_current(manifest)

    def fetch(self, manifest: Manifest, part: str, digests: FileDigests) -> None:
        """Download those files of a part that are not in the cache as they were written.

        Raises:
            ArtifactDamaged: an object has other bytes than the manifest says; its artifact exists no more.
        """
        folder = self._folder(manifest)
        files = files_of_part(part, manifest.parts[part])
        lacking = [(name, entry) for name, entry in files if not is_whole(folder / name, entry, digests)]
        if (size := sum(entry.size_bytes for _, entry in lacking)) >= TOLD_BYTES:
            log.info("fetching %s of %s/%s: %.0f MB", part, manifest.stage, manifest.key, size / 1e6)
        for name, entry in lacking:
            origin = f"{manifest.stage}/{manifest.key}/{name}"
            if not self.download(origin, folder / name, entry.sha256):
                self.void(manifest)
                msg = (
                    f"{manifest.ref}: found other bytes than were written, or none, in {name} of "
                    f"{self.objects.address}; expected the bytes in its manifest. Run again to rebuild it."
                )
                raise ArtifactDamaged(msg)
            digests.remember(folder / name, entry.sha256)
        if lacking:
            digests.save()

    def download(self, name: str, path: Path, sha256: str) -> bool:
        """Put an object into its place in the cache; False if its bytes are others also when read again."""
        drafts = self.root / ".drafts"
        return any(self.objects.download(name, path, sha256, drafts) for _ in range(2))

    def void(self, manifest: Manifest) -> None:
        """Let an artifact exist no more, here and there; its parts stay until it is made anew."""
        # Who may only read tells of the damage nevertheless.
        with suppress(ConfigError):
            if self.is_current(manifest):
                self.objects.delete(f"{manifest.stage}/{manifest.key}/{MANIFEST}")
        (self._folder(manifest) / MANIFEST).unlink(missing_ok=True)
        self.forget(manifest.stage, manifest.key)

    def push(self, manifest: Manifest) -> None:
        """Upload the parts and then the manifest, which makes it an artifact for everyone."""
        folder, prefix = self._folder(manifest), f"{manifest.stage}/{manifest.key}"
        for part, held in manifest.parts.items():
            for name, _ in files_of_part(part, held):
                self.objects.upload(f"{prefix}/{name}", folder / name)
        self.objects.upload(f"{prefix}/{MANIFEST}", folder / MANIFEST)
        self.forget(manifest.stage, manifest.key)
        if listed := self.listing(manifest.stage, manifest.key).get(MANIFEST):
            os.utime(folder / MANIFEST, ns=(listed.written_ns, listed.written_ns))
            self._settled.add(prefix)

    def _folder(self, manifest: Manifest) -> Path:
        return self.root / manifest.stage / manifest.key


def is_whole(path: Path, entry: FileEntry, digests: FileDigests) -> bool:
    """Whether a file of the cache is what was written."""
    if not path.is_file() or path.stat().st_size != entry.size_bytes:
        return False
    return digests.sha256(path) == entry.sha256


def _signature(path: Path) -> Listed | None:
    """What a listing showed of a manifest when it was copied: the copy has its time."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return Listed(stat.st_size, stat.st_mtime_ns)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _parsed(content: bytes | None) -> Manifest | None:
    if content is None:
        return None
    try:
        return Manifest.model_validate_json(unsealed(content))
    except ValueError:
        return None


def _write(path: Path, content: bytes, written_ns: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    scratch.write_bytes(content)
    os.utime(scratch, ns=(written_ns, written_ns))
    scratch.replace(path)
