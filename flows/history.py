"""The records that a run replaced: <root>/runs/<name>/history/<when it was written>.json, newest last.

Only runs that made something else than the one before count: NAME@1 is the run before the last change.
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "history"
KEPT = 20


def carry(folder: Path, fresh: Path) -> None:
    """Copy the history of ``folder``, and its record if ``fresh`` holds another one, into ``fresh``.

    A copy: should the process end before ``fresh`` takes the place of ``folder``, nothing is lost.
    """
    if (folder / FOLDER).is_dir():
        shutil.copytree(folder / FOLDER, fresh / FOLDER)
    before = folder / "run.json"
    if before.is_file() and _content(before) not in (None, _content(fresh / "run.json")):
        (fresh / FOLDER).mkdir(exist_ok=True)
        written = datetime.fromtimestamp(before.stat().st_mtime, UTC)
        shutil.copy2(before, fresh / FOLDER / f"{written:%Y-%m-%dT%H%M%S.%f}Z.json")
    for old in entries(fresh)[KEPT:]:
        old.unlink()


def entries(folder: Path) -> list[Path]:
    """The earlier records of a run's folder, newest first."""
    return sorted((folder / FOLDER).glob("*.json"), reverse=True)


def _content(record: Path) -> list[str] | None:
    """The rows in one order, for a run that stopped half-way writes them in another; None if unreadable."""
    try:
        return sorted(json.dumps(row, sort_keys=True) for row in json.loads(record.read_text()))
    except (ValueError, TypeError):
        return None
