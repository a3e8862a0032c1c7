"""An artifact while it is being made: a scratch folder that becomes parts."""

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data import tables
from data.digests import digest_of
from data.manifests import FileEntry, Part
from data.schemas import TableSchema
from data.tables import RowWriter


class Draft:
    """Where a stage puts what it makes. Nothing of it exists for others until it is published.

    Args:
        folder: goes with the draft.
        kept: stays until the draft is published, for a stage that can go on where it was cut off; it need
            not be there yet.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self.scratch = folder
        self.kept = kept
        self.facts: dict[str, Any] = {}

    def write(self, table: pa.Table, schema: TableSchema) -> None:
        """Write a table in one go."""
        tables.write(table, schema, self.scratch / f"{schema.name}.parquet")

    @contextmanager
    def rows(self, schema: TableSchema) -> Generator[RowWriter]:
        """Give a writer for a table made in batches."""
        writer = RowWriter(schema, self.scratch / f"{schema.name}.parquet")
        try:
            yield writer
        finally:
            writer.close()

    def folder(self, name: str) -> Path:
        """Give a folder that becomes one part: weights, an index."""
        path = self.scratch / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, name: str) -> Path:
        """Give the path of a file that becomes one part under its own name."""
        return self.scratch / name

    def note(self, **facts: Any) -> None:  # noqa: ANN401  (any JSON)
        """Keep numbers that a reader of the report or the log wants: a keep-rate, k1 and b."""
        self.facts.update(facts)

    def parts(self) -> dict[str, Part]:
        """Digest what was written."""
        return {path.name: _part(path) for path in sorted(self.scratch.iterdir())}


def _part(path: Path) -> Part:
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    entries = tuple(_entry(file, path) for file in files)
    digest = digest_of([(entry.name, entry.sha256) for entry in entries], 32)
    rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
    return Part(digest=digest, files=entries, rows=rows)


def _entry(file: Path, part: Path) -> FileEntry:
    with file.open("rb") as stream:
        sha = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    name = "" if file == part else file.relative_to(part).as_posix()
    return FileEntry(name=name, size_bytes=file.stat().st_size, sha256=sha)
