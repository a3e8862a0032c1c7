"""The kernel's locks on files (flock): they die with their holder, so kill -9 leaves nothing to wait for.

A lock file may be removed by whoever holds it. Who waited for it then finds that the file it locked is no
longer the one that lies there, and takes the lock on the new one.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, *, shared: bool = False) -> Generator[None]:
    """Hold the lock; waits for another holder. Any number may hold it ``shared``, none beside an only one."""
    descriptor = _take(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_if_free(path: Path) -> Generator[bool]:
    """Hold the lock alone and give True, or give False at once if somebody else holds it."""
    try:
        descriptor = _take(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def undisturbed(path: Path) -> Generator[bool]:
    """Keep others from taking the lock for themselves; False if somebody has. Makes no file where none is."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _got(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def _got(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    return True


def _take(path: Path, operation: int) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, operation)
            if _lies_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lies_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
