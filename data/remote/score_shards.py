"""The scores of one teacher on an object store, to which several machines add at once without a lock.

    scores/<teacher>/<digest>.parquet        shards, named by their content; never changed
    scores/<teacher>/manifest-<writer>.json  what one cache has stored, and which shards it merged into others

Every cache replaces its own manifest only, so that no write undoes another. A shard exists if any manifest
names it and its object is there: the union of all manifests. A shard is uploaded before the manifest that
names it; a merged one is uploaded and named before those that went into it are deleted. So nothing that was
scored is lost, whoever is interrupted; at worst two machines score the same pair, and give it the same score.
"""

import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from data.remote.mirror import Mirror
from data.remote.objects import Listed
from data.score_store.shard_manifest import Shard, ShardManifest
from data.seals import sealed, unsealed

log = logging.getLogger("distill")
Found = dict[str, Listed]


class WriterManifest(ShardManifest):
    """What one cache says of a teacher; rows of ``merged`` shards are in those that it names."""

    merged: tuple[str, ...] = ()


class RemoteShards:
    """The shards of one teacher, here in ``folder`` and on the object store."""

    def __init__(self, mirror: Mirror, folder: Path) -> None:
        self.folder = folder
        self._mirror = mirror
        self.objects = mirror.objects
        self.prefix = f"scores/{folder.name}"
        self.own = f"manifest-{mirror.writer}.json"
        self._read: dict[str, tuple[Listed, WriterManifest]] = {}

    def settle(self, local: ShardManifest) -> ShardManifest:
        """Bring the folder up to date: fetch what others stored, upload what only this cache has.

        Args:
            local: what the manifest of the folder names. The caller holds its lock and writes the result.
        """
        found = self.objects.below(self.prefix)
        writers = self._writers(found)
        there = _existing(writers.values(), found)
        local = self._fetch(local, writers.values(), there)
        local = self._without_merged(local, writers.values(), there)
        merged = {name for writer in writers.values() for name in writer.merged}
        lacking = [shard for shard in local.shards if shard.name not in there and shard.name not in merged]
        if lacking:
            self._upload(local, lacking, writers.get(self.own, WriterManifest()).merged)
        return local

    def add(self, before: ShardManifest, after: ShardManifest) -> None:
        """Upload what is new in a manifest; delete what went out of it because it was merged."""
        old = {shard.name for shard in before.shards}
        gone = old - {shard.name for shard in after.shards}
        found = self.objects.below(self.prefix) if gone else {}
        own = self._writers(found).get(self.own, WriterManifest()) if gone else self._own()
        self._upload(after, [shard for shard in after.shards if shard.name not in old], (*own.merged, *gone))
        self.objects.delete(*(f"{self.prefix}/{name}" for name in sorted(gone) if name in found))

    def refetch(self, shard: Shard) -> bool:
        """Replace a damaged or missing copy; False if the object is no better."""
        return self._mirror.download(self._name(shard), self.folder / shard.name, shard.sha256)

    def forget(self, names: Iterable[str]) -> None:
        """Delete damaged objects; a cache that has a whole copy uploads it again."""
        self.objects.delete(*(f"{self.prefix}/{name}" for name in names))

    def _own(self) -> WriterManifest:
        known = self._read.get(self.own)
        return known[1] if known else WriterManifest()

    def _upload(self, local: ShardManifest, shards: Iterable[Shard], merged: Iterable[str]) -> None:
        for shard in shards:
            if (self.folder / shard.name).is_file():
                self.objects.upload(self._name(shard), self.folder / shard.name)
        named = {shard.name for shard in local.shards}
        once = tuple(dict.fromkeys(name for name in merged if name not in named))
        fields = {name: getattr(local, name) for name in ShardManifest.model_fields}
        manifest = WriterManifest(**fields, merged=once)
        content = sealed(manifest.model_dump_json(indent=1).encode())
        self.objects.write(f"{self.prefix}/{self.own}", content)
        self._read[self.own] = Listed(len(content), 0), manifest

    def _writers(self, found: Found) -> dict[str, WriterManifest]:
        """The manifests of all caches; what did not change since the last look is not read again."""
        writers: dict[str, WriterManifest] = {}
        for name, listed in sorted(found.items()):
            if not name.startswith("manifest-"):
                continue
            if name not in self._read or self._read[name][0] != listed:
                content = self.objects.read(f"{self.prefix}/{name}")
                try:
                    manifest = WriterManifest.model_validate_json(unsealed(content or b""))
                except ValueError:
                    log.warning("%s/%s is damaged; what only it names is scored again", self.prefix, name)
                    continue
                self._read[name] = listed, manifest
            writers[name] = self._read[name][1]
        return writers

    def _fetch(
        self, local: ShardManifest, writers: Iterable[WriterManifest], there: Collection[str]
    ) -> ShardManifest:
        """Download the shards that others stored; their seconds come with them, in proportion to the rows."""
        shards, seconds = {shard.name: shard for shard in local.shards}, local.seconds
        for writer in writers:
            for shard in writer.shards:
                if shard.name in shards or shard.name not in there:
                    continue
                self.folder.mkdir(parents=True, exist_ok=True)
                if self.refetch(shard):
                    shards[shard.name] = shard
                    seconds += shard.rows * writer.seconds / max(writer.rows, 1)
                else:
                    log.warning("%s is damaged; its pairs will be scored again", self._name(shard))
                    self.forget([shard.name])
            local = local.model_copy(
                update={"teacher": local.teacher or writer.teacher, "how": local.how or writer.how}
            )
        return local.model_copy(update={"shards": tuple(shards.values()), "seconds": seconds})

    def _without_merged(
        self, local: ShardManifest, writers: Iterable[WriterManifest], there: Collection[str]
    ) -> ShardManifest:
        """Drop shards that another cache merged, once everything it names is here."""
        named = {shard.name for shard in local.shards}
        gone = {
            name
            for writer in writers
            if writer.merged and named.issuperset(shard.name for shard in writer.shards)
            for name in writer.merged
            if name not in there
        }
        return local.model_copy(update={"shards": tuple(s for s in local.shards if s.name not in gone)})

    def _name(self, shard: Shard) -> str:
        return f"{self.prefix}/{shard.name}"


def _existing(writers: Iterable[WriterManifest], found: Found) -> set[str]:
    """Names of the shards that some manifest names and whose object is there."""
    return {
        shard.name
        for writer in writers
        for shard in writer.shards
        if shard.name in found and found[shard.name].size_bytes == shard.size_bytes
    }
