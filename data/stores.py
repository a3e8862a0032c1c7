"""Open the store that ``--artifacts`` names: a folder, or ``s3://bucket/prefix`` through its cache."""

from pathlib import Path

from data.artifacts import ArtifactStore
from data.remote.addresses import MARKER, RemoteAddress, is_remote, mark
from data.remote.objects import Objects


def open_store(root: str | Path) -> ArtifactStore:
    """Open a store.

    Raises:
        ConfigError: the object store is not there, or does not let us in; nothing was written here.

    >>> open_store("artifacts").root
    PosixPath('artifacts')
    """
    if not is_remote(root):
        return ArtifactStore(Path(root))
    address = RemoteAddress.parse(str(root))
    cache = address.cache
    if not (cache / MARKER).is_file():
        Objects(address).check()
        mark(cache, address)
    return ArtifactStore(cache)


def local_root(root: str | Path) -> Path:
    """The folder of this machine that belongs to a root; asks nobody and makes nothing."""
    return RemoteAddress.parse(str(root)).cache if is_remote(root) else Path(root)


def name_of(store: ArtifactStore) -> str:
    """What ``open_store`` takes to open the same store: also on another machine, if it is an object store."""
    return str(store.mirror.objects.address) if store.mirror else str(store.root.resolve())
