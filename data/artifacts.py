"""The store: where artifacts lie, when they count as whole, and how they are published.

    <root>/<stage>/<key>/manifest.json               written last; no manifest, no artifact
    <root>/<stage>/<key>/<table>-<digest>.parquet    parts are named by their content,
    <root>/<stage>/<key>/<folder>-<digest>/          so a rebuild never overwrites one in use
    <root>/.kept/<stage>/<key>/                      of a stage that was cut off, until it is published
    <root>/.drafts  .locks  digests.json             scratch; may be deleted when nothing runs

A manifest carries the SHA-256 of its own bytes; one that does not have these bytes is none.
Where <root> is the cache of an object store (data/remote), what is not here is looked for and fetched there.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pyarrow as pa

from data import tables
from data.digests import FileDigests
from data.drafts import Draft
from data.errors import ArtifactDamaged, ArtifactMissing
from data.locks import held
from data.manifests import MANIFEST, ArtifactRef, FileEntry, Manifest, files_of_part, part_name
from data.remote.mirror import mirror_of
from data.schemas import TableSchema
from data.seals import sealed, unsealed


class ArtifactStore:
    """Artifacts under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests = FileDigests(root / "digests.json")
        self.mirror = mirror_of(root)

    def folder(self, stage: str, key: str) -> Path:
        """Where an artifact lies, whether or not it has been made."""
        return self.root / stage / key

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """Read a manifest; None when there is none or it is damaged, for then nothing is there."""
        if self.mirror:
            self.mirror.settle(stage, key)
        try:
            content = (self.folder(stage, key) / MANIFEST).read_bytes()
            return Manifest.model_validate_json(unsealed(content))
        except (FileNotFoundError, ValueError):
            return None

    def whole(self, stage: str, key: str) -> Manifest | None:
        """Read a manifest and check every file it names; None unless all of them are as they were written."""
        manifest = self.manifest(stage, key)
        if manifest is None or self._damage(manifest):
            return None
        return manifest

    def _damage(self, manifest: Manifest) -> str:
        for part in manifest.parts:
            if damage := self._part_damage(manifest, part):
                return damage
        return ""

    def _part_damage(self, manifest: Manifest, part: str) -> str:
        for name, entry in files_of_part(part, manifest.parts[part]):
            damage = self._file_damage(self.folder(manifest.stage, manifest.key) / name, entry)
            if damage and not (self.mirror and self.mirror.holds(manifest, name, entry)):
                return damage
        return ""

    def _file_damage(self, path: Path, entry: FileEntry) -> str:
        if not path.is_file() or path.stat().st_size != entry.size_bytes:
            return f"{path} is missing or truncated"
        if self.digests.sha256(path) != entry.sha256:
            return f"{path} does not have the bytes that were written"
        return ""

    def path(self, ref: ArtifactRef, part: str) -> Path:
        """Path of one part: a table's file (``answers.parquet``) or a folder (``model``).

        Raises:
            ArtifactMissing: the artifact was never finished, or was deleted.
            ArtifactDamaged: a file is not what was written.
        """
        manifest = self.manifest(ref.stage, ref.key)
        if manifest is None or part not in manifest.parts:
            msg = f"{ref}: found no {part} in {self.root}; expected it finished. Run again to rebuild it."
            raise ArtifactMissing(msg)
        if self.mirror:
            self.mirror.fetch(manifest, part, self.digests)
        # Of an object store only what is read has to be here.
        damage = self._part_damage(manifest, part) if self.mirror else self._damage(manifest)
        if damage:
            msg = f"{ref}: {damage}; expected the bytes in its manifest. Run again to rebuild it."
            raise ArtifactDamaged(msg)
        return self.folder(ref.stage, ref.key) / part_name(part, manifest.parts[part])

    def table_path(self, ref: ArtifactRef, schema: TableSchema) -> Path:
        """Path of a table's Parquet file."""
        return self.path(ref, f"{schema.name}.parquet")

    def read(self, schema: TableSchema, *refs: ArtifactRef) -> pa.Table:
        """Read one table of one or several artifacts into memory and check it."""
        return tables.read(schema, [self.table_path(ref, schema) for ref in refs])

    def scan(self, schema: TableSchema, *refs: ArtifactRef) -> pl.LazyFrame:
        """Open one table of one or several artifacts lazily."""
        return pl.scan_parquet([self.table_path(ref, schema) for ref in refs])

    def facts(self, ref: ArtifactRef) -> dict[str, object]:
        """What the stage noted beside its tables."""
        manifest = self.manifest(ref.stage, ref.key)
        return manifest.facts if manifest else {}

    @contextmanager
    def lock(self, stage: str, key: str) -> Generator[None]:
        """Hold the kernel's lock on one address; waits for another holder."""
        with held(self.root / ".locks" / f"{stage}-{key}"):
            self._upload_what_is_only_here(stage, key)
            yield

    def _upload_what_is_only_here(self, stage: str, key: str) -> None:
        """End an upload that was cut off, so that whoever reuses the artifact is not the only one who can."""
        manifest = self.manifest(stage, key) if self.mirror else None
        if self.mirror is None or manifest is None:
            return
        folder = self.folder(stage, key)
        files = [file for part in manifest.parts.items() for file in files_of_part(*part)]
        if all(self.mirror.holds(manifest, *file) for file in files) and self.mirror.is_current(manifest):
            return
        if not any(self._file_damage(folder / name, entry) for name, entry in files):
            self.mirror.push(manifest)

    def kept(self, stage: str, key: str) -> Path:
        """Where a stage that makes an artifact keeps what it needs to go on after it was cut off."""
        return self.root / ".kept" / stage / key

    @contextmanager
    def drafting(self, stage: str, key: str) -> Generator[Draft]:
        """Give an empty draft of an artifact; whatever is left of it at the end is removed."""
        with self.lending() as scratch:
            yield Draft(scratch, self.kept(stage, key))

    @contextmanager
    def lending(self) -> Generator[Path]:
        """Give an empty folder for as long as the block lasts."""
        drafts = self.root / ".drafts"
        drafts.mkdir(parents=True, exist_ok=True)
        scratch = Path(mkdtemp(dir=drafts, prefix=f"{os.getpid()}-"))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def publish(self, draft: Draft, manifest: Manifest) -> None:
        """Move a draft's parts to their place, then write the manifest, atomically; then upload both."""
        target = self.folder(manifest.stage, manifest.key)
        target.mkdir(parents=True, exist_ok=True)
        for name, part in manifest.parts.items():
            place = target / part_name(name, part)
            if place.is_dir():
                shutil.rmtree(place)
            os.replace(draft.scratch / name, place)
            for entry in part.files:
                self.digests.remember(place / entry.name if entry.name else place, entry.sha256)
        _write_atomically(target / MANIFEST, sealed(manifest.model_dump_json(indent=1).encode()))
        self.digests.save()
        shutil.rmtree(self.kept(manifest.stage, manifest.key), ignore_errors=True)
        if self.mirror:
            self.mirror.push(manifest)


def _write_atomically(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
