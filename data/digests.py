"""SHA-256 of files, remembered by size and modification time so that a look is cheap.

A file is hashed when it is first met and whenever its size, modification time or inode
changed since. The memory is an index that may be deleted at any time.
"""

import hashlib
import json
import os
from pathlib import Path

Signature = tuple[int, int, int]


class FileDigests:
    """Digests of files, cached in one JSON file."""

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self._known: dict[str, tuple[Signature, str]] = {}
        self._changed = False
        try:
            stored = json.loads(memory.read_text())
            self._known = {path: (tuple(sig), sha) for path, (sig, sha) in stored.items()}
        except (OSError, ValueError, TypeError):
            self._known = {}

    def sha256(self, path: Path) -> str:
        """Digest of the file's bytes.

        Raises:
            FileNotFoundError: there is no such file.
        """
        signature, name = signature_of(path), os.path.realpath(path)
        known = self._known.get(name)
        if known and known[0] == signature:
            return known[1]
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        self.remember(path, sha)
        return sha

    def remember(self, path: Path, sha: str) -> None:
        """Note a digest that the caller has just computed."""
        self._known[os.path.realpath(path)] = (signature_of(path), sha)
        self._changed = True

    def folder(self, folder: Path, pattern: str = "**/*") -> dict[str, str]:
        """Digest of every file below ``folder``, by its path relative to it."""
        files = sorted(path for path in folder.glob(pattern) if path.is_file())
        return {path.relative_to(folder).as_posix(): self.sha256(path) for path in files}

    def save(self) -> None:
        """Write the memory back, merging what another process wrote meanwhile.

        Where the folder is not there yet nothing is written: a look at a new store leaves no trace.
        """
        if not self._changed or not self.memory.parent.is_dir():
            return
        merged = FileDigests(self.memory)
        merged._known.update(self._known)
        scratch = self.memory.with_suffix(f".{os.getpid()}.tmp")
        scratch.write_text(json.dumps(merged._known))
        scratch.replace(self.memory)
        self._changed = False


def signature_of(path: Path) -> Signature:
    """Size, modification time and inode: what changes when a file is written to."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def digest_of(value: object, length: int = 64) -> str:
    """SHA-256 of a value's canonical JSON.

    >>> digest_of({"b": 1, "a": 2}, 8) == digest_of({"a": 2, "b": 1}, 8)
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
