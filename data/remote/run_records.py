"""The records of runs on the object store: runs/<name>/run.json and runs/<name>/history/<when>.json.

They are small and few, so that the cache has them all of a name. The links to tables are made anew on every
machine.
"""

import os
import shutil
from pathlib import Path

from data.remote.objects import Listed, Objects

RECORD = "run.json"


def fetch(objects: Objects, root: Path, name: str) -> bytes | None:
    """Bring the record of a name, and those before it, into the cache; give the record, if there is one."""
    return _fetch(objects, root / "runs" / name, f"runs/{name}", objects.below(f"runs/{name}"))


def fetch_all(objects: Objects, root: Path) -> None:
    """Bring the records of all names into the cache."""
    found: dict[str, dict[str, Listed]] = {}
    for path, listed in objects.below("runs").items():
        name, _, rest = path.partition("/")
        found.setdefault(name, {})[rest] = listed
    for name, files in found.items():
        _fetch(objects, root / "runs" / name, f"runs/{name}", files)


def push(objects: Objects, root: Path, name: str) -> None:
    """Upload the records of a name: the history first, then the record that replaces it."""
    prefix, folder = f"runs/{name}", root / "runs" / name
    listed = objects.below(prefix)
    local = {path.relative_to(folder).as_posix() for path in folder.glob("history/*.json")}
    for each in sorted(local - set(listed)):
        objects.upload(f"{prefix}/{each}", folder / each)
    objects.upload(f"{prefix}/{RECORD}", folder / RECORD)
    # Names are times: what is older than all that is kept was dropped, what is newer came from elsewhere.
    objects.delete(*(f"{prefix}/{each}" for each in listed if local and each != RECORD and each < min(local)))


def _fetch(objects: Objects, folder: Path, prefix: str, files: dict[str, Listed]) -> bytes | None:
    record = None
    for name, listed in files.items():
        place = folder / name
        # A record may change twice in the second that a listing tells; what is history never changes.
        if name != RECORD and place.is_file():
            continue
        content = objects.read(f"{prefix}/{name}")
        record = content if name == RECORD else record
        if content is None or (place.is_file() and place.read_bytes() == content):
            continue
        if name == RECORD:
            _drop_links(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = place.with_name(f".{place.name}.{os.getpid()}-{os.urandom(4).hex()}")
        scratch.write_bytes(content)
        os.utime(scratch, ns=(listed.written_ns, listed.written_ns))  # history is named by it
        scratch.replace(place)
    return record


def _drop_links(folder: Path) -> None:
    for each in folder.glob("*/"):
        if each.name != "history":
            shutil.rmtree(each)
