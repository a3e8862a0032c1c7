"""Which shards exist: a sealed file of JSON, replaced whole, and read again only when it has changed."""

import os
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data.digests import Signature, signature_of
from data.seals import sealed, unsealed

# Times of files advance in steps, on some disks of two seconds: what is younger may have changed within one.
STEP_NS = 2_000_000_000


class Shard(BaseModel):
    """One file of scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: int
    size_bytes: int
    sha256: str


class ShardManifest(BaseModel):
    """What ``manifest.json`` holds. ``teacher`` is for readers; ``how`` is how its scores were computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: dict[str, object] = {}
    how: dict[str, str] = {}
    seconds: float = 0.0  # that the teacher took for all of it
    shards: tuple[Shard, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all shards; a pair that two processes scored by accident would count twice."""
        return sum(shard.rows for shard in self.shards)

    @property
    def pairs_per_s(self) -> float | None:
        """The teacher's rate so far; None if it was never asked."""
        return self.rows / self.seconds if self.seconds else None


class ManifestFile:
    """The manifest of one teacher's shards, which other processes replace too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[Signature, ShardManifest] | None = None

    def read(self) -> ShardManifest:
        """Give what the file holds now; what was parsed before, if size, time and inode are the same.

        Raises:
            ValueError: it has other bytes than were written.
        """
        try:
            signature = signature_of(self.path)
            if self._known and self._known[0] == signature:
                return self._known[1]
            found = ShardManifest.model_validate_json(unsealed(self.path.read_bytes()))
        except FileNotFoundError:
            return ShardManifest()
        if time.time_ns() - signature[1] > STEP_NS:
            self._known = signature, found
        return found

    def replace(self, manifest: ShardManifest) -> None:
        """Write the manifest whole: a scratch file, to the disk, to its place. The caller holds the lock."""
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with scratch.open("wb") as file:
            file.write(sealed(manifest.model_dump_json(indent=1).encode()))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self.path)
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
