"""What one teacher scored: shards of Parquet that are only ever added, and a manifest that names them.

    <folder>/manifest.json     the shards that exist; replaced whole, after a shard is on the disk
    <folder>/<digest>.parquet  query, passage (hashes of texts), score; sorted, named by its content
    <folder>/.lock             held while the manifest is replaced; dies with its holder
    <folder>/.claims/          pairs that a running process is about to score

A shard that the manifest does not name does not exist: kill -9 costs the shard in flight. A shard that is not
what the manifest says is forgotten, and its pairs alone are scored again.

In the cache of an object store, whoever opens the folder or takes its lock first fetches what other machines
stored, and what is added is uploaded (data/remote/score_shards).
"""

import base64
import hashlib
import logging
import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from data.digests import FileDigests
from data.locks import held
from data.remote.mirror import mirror_of
from data.remote.score_shards import RemoteShards
from data.score_store.pairs import PAIR, SCORES, prefixes, to_shard
from data.score_store.shard_index import Prefixes, ShardIndex
from data.score_store.shard_manifest import ManifestFile, Shard, ShardManifest

log = logging.getLogger("distill")
MANIFEST = "manifest.json"
# Where a shard keeps the prefixes of its queries, so that a look-up opens only shards that may help.
INDEX = b"queries"


class ScoreShards:
    """The scores of one teacher."""

    def __init__(self, folder: Path, digests: FileDigests) -> None:
        self.folder = folder
        self.digests = digests
        self._file = ManifestFile(folder / MANIFEST)
        self._index = ShardIndex()
        self._indexed: tuple[Shard, ...] = ()
        self._held = False
        mirror = mirror_of(folder.parent.parent)
        self._remote = RemoteShards(mirror, folder) if mirror else None
        self._settled = self._remote is None

    def manifest(self) -> ShardManifest:
        """Read what is stored; where the file is broken, the shards that are what their names say."""
        if not self._settled:
            with self.locked():
                pass
        return self._local()

    def _local(self) -> ShardManifest:
        try:
            return self._file.read()
        except ValueError:
            return ShardManifest(shards=tuple(self._recovered()))

    def is_broken(self) -> str:
        """Say whether there is a manifest that cannot be read; empty if all is well."""
        try:
            self._file.read()
        except ValueError:
            return "bytes that are not those that were written"
        return ""

    def _recovered(self) -> Iterator[Shard]:
        for path in sorted(self.folder.glob("[0-9a-f]*.parquet")):
            sha = self.digests.sha256(path)
            if path.name == shard_name(sha):
                rows = pq.read_metadata(path).num_rows
                yield Shard(name=path.name, rows=rows, size_bytes=path.stat().st_size, sha256=sha)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the kernel's lock on this teacher's manifest; who holds it already may hold it again."""
        if self._held:
            yield
            return
        with held(self.folder / ".lock"):
            self._held = True
            try:
                self._settle()
                yield
            finally:
                self._held = False

    def _settle(self) -> None:
        """Fetch what other machines stored meanwhile."""
        self._settled = True
        if self._remote:
            before = self._local()
            after = self._remote.settle(before)
            if after != before:
                self._file.replace(after)

    def look_up(self, pairs: pl.DataFrame, known: Sequence[str] = ()) -> pl.DataFrame:
        """Give the rows (query, passage, score) of those ``pairs`` that are stored.

        Args:
            pairs: columns query and passage; at most a few hundred thousand rows.
            known: names of shards that need not be opened again.
        """
        wanted = prefixes(pairs["query"].unique().to_list())
        found = [pl.DataFrame(SCORES.empty_table())]
        opened = set(known)
        while waiting := [shard for shard in self._holding(wanted) if shard.name not in opened]:
            # One at a time: another process may merge shards meanwhile, and then others hold these queries.
            shard = waiting[0]
            opened.add(shard.name)
            with suppress(FileNotFoundError):  # merged after it was found whole
                if self._is_whole(shard):
                    table = pq.read_table(self.folder / shard.name).replace_schema_metadata(None)
                    found.append(pl.DataFrame(table).join(pairs, on=PAIR, how="semi"))
        return pl.concat(found).unique(PAIR, keep="any")

    def _holding(self, wanted: Prefixes) -> list[Shard]:
        """Shards that may hold one of the queries, of those that the manifest names now."""
        while (shards := self.manifest().shards) != self._indexed:
            self._index.keep({shard.name for shard in shards})
            for shard in shards:
                if shard.name not in self._index:
                    with suppress(FileNotFoundError):
                        self._add_to_index(shard)
            self._indexed = shards
        names = set(self._index.holding(wanted))
        return [shard for shard in self._indexed if shard.name in names]

    def _add_to_index(self, shard: Shard) -> None:
        if self._is_whole(shard):
            stored = pq.read_metadata(self.folder / shard.name).metadata[INDEX]
            self._index.add(shard.name, np.frombuffer(base64.b64decode(stored), dtype=np.uint64))

    def _is_whole(self, shard: Shard) -> bool:
        """Say whether a shard is undamaged; one that is not is forgotten, unless another has merged it."""
        if not self.damage(shard):
            return True
        if shard in self.manifest().shards:
            path = self.folder / shard.name
            log.warning("%s is damaged; its %d pairs will be scored again", path, shard.rows)
            self.forget([shard.name])
        return False

    def damage(self, shard: Shard) -> str:
        """Say what is wrong with a shard's file; empty if it has the bytes that were written."""
        harm = self._harm(shard)
        if harm and self._remote and self._remote.refetch(shard):
            return self._harm(shard)
        return harm

    def _harm(self, shard: Shard) -> str:
        path = self.folder / shard.name
        if not path.is_file() or path.stat().st_size != shard.size_bytes:
            return f"{path} is missing or truncated"
        return (
            "" if self.digests.sha256(path) == shard.sha256 else f"{path} has other bytes than were written"
        )

    def write(self, pairs: pl.DataFrame) -> Shard:
        """Put rows (query, passage, score) on the disk; they exist once the manifest names their shard."""
        self.folder.mkdir(parents=True, exist_ok=True)
        table = to_shard(pairs)
        index = prefixes(table["query"].unique().to_pylist())
        metadata = {INDEX: base64.b64encode(index.tobytes())}
        scratch = self.folder / f".{os.getpid()}-{os.urandom(4).hex()}.parquet"
        pq.write_table(table.replace_schema_metadata(metadata), scratch, compression="zstd")
        with scratch.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        place = self.folder / shard_name(sha)
        scratch.replace(place)
        self.digests.remember(place, sha)
        return Shard(name=place.name, rows=table.num_rows, size_bytes=place.stat().st_size, sha256=sha)

    def add(
        self, shard: Shard, teacher: Mapping[str, object], how: Mapping[str, str], seconds: float
    ) -> None:
        """Let a written shard exist.

        Args:
            shard: what ``write`` gave.
            teacher: what the teacher is, for readers.
            how: how it computed the scores.
            seconds: that it took for them.
        """
        with self.locked():
            found = self.manifest()
            shards = {each.name: each for each in (*found.shards, shard)}
            self.replace(
                ShardManifest(
                    teacher=dict(teacher),
                    how=dict(how),
                    seconds=found.seconds + seconds,
                    shards=tuple(shards.values()),
                )
            )

    def forget(self, names: Sequence[str]) -> None:
        """Remove shards: first their names, then their files."""
        with self.locked():
            found = self.manifest()
            kept = tuple(shard for shard in found.shards if shard.name not in names)
            self._file.replace(found.model_copy(update={"shards": kept}))
        if self._remote:
            self._remote.forget(names)
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def replace(self, manifest: ShardManifest) -> None:
        """Let exactly these shards exist. The caller holds the lock."""
        before = self._local()
        self._file.replace(manifest)
        if self._remote:
            self._remote.add(before, manifest)


def shard_name(sha: str) -> str:
    """Name a shard by its content.

    >>> shard_name("0123456789abcdef0123456789")
    '0123456789abcdef0123.parquet'
    """
    return f"{sha[:20]}.parquet"


def is_shard(name: str) -> bool:
    """Say whether a file is named as a shard is.

    >>> is_shard("0123456789abcdef0123.parquet"), is_shard("notes.parquet")
    (True, False)
    """
    return re.fullmatch(r"[0-9a-f]{20}\.parquet", name) is not None
