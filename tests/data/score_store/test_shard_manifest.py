import os
import time

import pytest

from data.score_store import shard_manifest as module
from data.score_store.shard_manifest import ManifestFile, Shard, ShardManifest

ONE = ShardManifest(shards=(Shard(name="a", rows=1, size_bytes=10, sha256="x"),), seconds=2.0)
LONG_AGO = time.time_ns() - 60_000_000_000


@pytest.fixture
def file(tmp_path):
    return ManifestFile(tmp_path / "manifest.json")


@pytest.fixture
def parsed(monkeypatch):
    """Count how often a manifest is read from the disk."""
    counted = []
    original = module.unsealed
    monkeypatch.setattr(module, "unsealed", lambda content: counted.append(1) or original(content))
    return counted


def test_what_was_written_is_read(file):
    assert file.read() == ShardManifest()
    file.replace(ONE)
    assert file.read() == ONE
    assert (ONE.rows, ONE.pairs_per_s, ShardManifest().pairs_per_s) == (1, 0.5, None)


def test_a_file_that_did_not_change_is_parsed_once(file, parsed):
    file.replace(ONE)
    os.utime(file.path, ns=(LONG_AGO, LONG_AGO))
    assert file.read() is file.read()
    assert len(parsed) == 1
    ManifestFile(file.path).replace(ShardManifest())  # by another process
    assert file.read() == ShardManifest()
    file.path.unlink()
    assert file.read() == ShardManifest()
    assert len(parsed) == 2


def test_a_file_so_young_that_its_time_says_little_is_parsed_again(file, parsed):
    file.replace(ONE)
    signature = file.path.stat()
    assert file.read() == ONE
    broken = file.path.read_bytes().replace(b"2.0", b"3.0")
    file.path.write_bytes(broken)  # within one step of the clock: size, time and inode are the same
    os.utime(file.path, ns=(signature.st_mtime_ns, signature.st_mtime_ns))
    with pytest.raises(ValueError, match="other bytes than those that were sealed"):
        file.read()
