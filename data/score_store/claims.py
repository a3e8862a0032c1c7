"""Pairs that a living process is about to score, so that no other scores them too.

A claim is a file of pairs on which its owner holds the kernel's lock: when the owner ends, however it ends,
the lock is gone and the claim is void. Claims are made and read while the teacher's lock is held.
"""

import fcntl
import os
from pathlib import Path

import polars as pl

from data.score_store.pairs import PAIR


class Claims:
    """Claims on the pairs of one teacher."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / ".claims"

    def of_others(self) -> tuple[pl.DataFrame, list[Path]]:
        """Give pairs that others are scoring now, and the claims that say so; void claims are removed."""
        frames: list[pl.DataFrame] = []
        living: list[Path] = []
        for path in sorted(self.folder.glob("*.parquet")):
            descriptor = _open(path)
            if descriptor is None:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)  # nobody holds it
            except BlockingIOError:
                frames.append(pl.read_parquet(path))
                living.append(path)
            finally:
                os.close(descriptor)
        empty = pl.DataFrame(schema=dict.fromkeys(PAIR, pl.Binary))
        return pl.concat([empty, *frames]), living

    def make(self, pairs: pl.DataFrame) -> "Claim":
        """Claim pairs until the claim is released or this process ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Claim(self.folder / f"{os.getpid()}-{os.urandom(4).hex()}.parquet", pairs)


class Claim:
    """A claim that this process holds."""

    def __init__(self, path: Path, pairs: pl.DataFrame) -> None:
        self.path = path
        pairs.select(PAIR).write_parquet(path)
        self._descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give the pairs free."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def wait_for(path: Path) -> None:
    """Wait until a claim is released or its owner has ended."""
    descriptor = _open(path)
    if descriptor is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
