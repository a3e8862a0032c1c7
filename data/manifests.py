"""The record beside every artifact: what it was made from, and what it consists of."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from data.digests import digest_of

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


class Closed(BaseModel):
    """A record that does not change after it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(Closed):
    """One file of a part."""

    name: str
    size_bytes: int
    sha256: str


class Part(Closed):
    """One table, or one folder of weights, of an artifact.

    The digest covers contents and names below the part, not the place of the files, so that a part
    rebuilt with the same bytes is the same part.
    """

    digest: str
    files: tuple[FileEntry, ...]
    rows: int | None = None


class Recipe(Closed):
    """Everything that decides what a stage makes; its digest is the artifact's key."""

    stage: str
    schema_version: int = SCHEMA_VERSION
    config: Any
    inputs: dict[str, Any]
    code: dict[str, str]

    @property
    def key(self) -> str:
        """Twenty hexadecimal digits that name the artifact."""
        return digest_of(self.model_dump(mode="json"), 20)


class ArtifactRef(Closed):
    """A name for an artifact and the digests of its parts: small enough to pass between tasks."""

    stage: str
    of: str = ""
    key: str
    parts: dict[str, str]

    def __str__(self) -> str:
        return f"{self.stage}/{self.key}"


class Manifest(Closed):
    """What ``manifest.json`` holds: the truth about an artifact."""

    stage: str
    of: str
    key: str
    recipe: Recipe
    parts: dict[str, Part]
    facts: dict[str, Any]
    seconds: float
    finished_at: str
    machine: dict[str, str]

    @property
    def ref(self) -> ArtifactRef:
        """The reference that tasks pass on."""
        digests = {name: part.digest for name, part in self.parts.items()}
        return ArtifactRef(stage=self.stage, of=self.of, key=self.key, parts=digests)


def part_name(name: str, part: Part) -> str:
    """Name a part by its content.

    >>> part_name("answers.parquet", Part(digest="0123456789abcdef", files=()))
    'answers-0123456789ab.parquet'
    """
    stem, dot, suffix = name.partition(".")
    return f"{stem}-{part.digest[:12]}{dot}{suffix}"


def files_of_part(name: str, part: Part) -> Iterator[tuple[str, FileEntry]]:
    """Every file of a part, by its name below the artifact's folder."""
    base = part_name(name, part)
    yield from ((f"{base}/{entry.name}" if entry.name else base, entry) for entry in part.files)
