"""Which folders of a store are artifacts: <root>/<stage>/<key>, the key being twenty hexadecimal digits.

Whatever does not look so is not looked into, let alone removed: records of runs, scores of teachers, what a
user put there.
"""

import re
from pathlib import Path
from typing import NamedTuple

from data.artifacts import ArtifactStore

KEY = re.compile(r"[0-9a-f]{20}")
NO_STAGES = frozenset({"runs", "scores"})


class Address(NamedTuple):
    """Where an artifact lies."""

    stage: str
    key: str

    def __str__(self) -> str:
        return f"{self.stage}/{self.key}"


def addresses(store: ArtifactStore) -> list[Address]:
    """Every folder that is, was or will be an artifact, in the order of their names."""
    return sorted(
        Address(stage.name, folder.name)
        for stage in store.root.glob("[!.]*")
        if stage.name not in NO_STAGES and stage.is_dir()
        for folder in stage.iterdir()
        if KEY.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink()
    )


def lock_of(store: ArtifactStore, address: Address) -> Path:
    """The file on which the maker of an artifact holds the kernel's lock."""
    return store.root / ".locks" / f"{address.stage}-{address.key}"


def in_use(store: ArtifactStore) -> Path:
    """The file on which every run holds a shared lock: while one does, nothing is removed."""
    return store.root / ".locks" / "in-use"
