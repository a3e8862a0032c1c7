"""What a run shows in Prefect's UI: the leaderboard as a table, links to its files, how far long stages are.

Links lead to ``DISTILL_ARTIFACTS_URL``, where somebody serves the root of the store over HTTP, else to the
files of the machine that ran; of an ``s3://`` root they name the object.
"""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from data.artifacts import ArtifactStore, part_name
from data.manifests import Manifest
from data.progress import Reached
from data.remote.addresses import marker_of
from flows.records import RecordRow, folder_of
from tasks.write_report import write_report

log = logging.getLogger("distill")


def publish(store: ArtifactStore, name: str, rows: Sequence[RecordRow]) -> None:
    """Show what a run made or found: its report where it came so far, and its tables."""
    found = [(row, store.manifest(row.stage, row.key)) for row in rows]
    made = [(row, manifest) for row, manifest in found if manifest is not None]
    for row, manifest in made:
        if row.stage == write_report.name:
            _publish_report(store, name, manifest)
    tables = [line for row, manifest in made for line in _table_lines(store, row, manifest)]
    head = ["| stage | of | table | rows |", "|---|---|---|--:|"]
    create_markdown_artifact(
        "\n".join([*head, *tables]),
        key=artifact_key("parquet", name),
        description=f"Parquet files of {name}; all of its last run lie under {folder_of(store, name)}",
    )


def _publish_report(store: ArtifactStore, name: str, manifest: Manifest) -> None:
    text = store.path(manifest.ref, "leaderboard.md").read_text(encoding="utf-8")
    create_table_artifact(
        rows_of(text), key=artifact_key("leaderboard", name), description=f"Leaderboard of {name}"
    )
    create_link_artifact(
        address(store, store.path(manifest.ref, "report.html")),
        link_text=f"report of {name}",
        key=artifact_key("report", name),
        description="Leaderboard, significance, answer key, training curves and where each number comes from",
    )


def _table_lines(store: ArtifactStore, row: RecordRow, manifest: Manifest) -> list[str]:
    folder = store.folder(manifest.stage, manifest.key)
    tables = {name: part for name, part in manifest.parts.items() if part.rows is not None}
    links = {name: f"[{name}]({address(store, folder / part_name(name, tables[name]))})" for name in tables}
    return [f"| {row.stage} | {row.of} | {links[name]} | {part.rows:,} |" for name, part in tables.items()]


def address(store: ArtifactStore, path: Path) -> str:
    """Where a file of the store is found: by a browser, or as an object of an ``s3://`` root."""
    marker = marker_of(store.root)
    if marker is not None:
        bucket, prefix = marker.address.bucket, marker.address.prefix
        return f"s3://{'/'.join(filter(None, [bucket, prefix, path.relative_to(store.root).as_posix()]))}"
    served = os.environ.get("DISTILL_ARTIFACTS_URL", "").rstrip("/")
    if served:
        return f"{served}/{path.relative_to(store.root).as_posix()}"
    return path.resolve().as_uri()


def rows_of(markdown: str) -> list[dict[str, str]]:
    """Read the first table of a Markdown text.

    >>> rows_of("| system | nDCG@10 |" + chr(10) + "|:--|--:|" + chr(10) + "| bm25 | .606 |")
    [{'system': 'bm25', 'nDCG@10': '.606'}]
    """
    lines: list[list[str]] = []
    for line in markdown.splitlines():
        if not line.startswith("|"):
            break
        lines.append([cell.strip() for cell in line.strip("|").split("|")])
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]


def artifact_key(*parts: str) -> str:
    """Make a key of what Prefect allows in one: small letters, digits and dashes.

    >>> artifact_key("progress", "train_student soft/0")
    'progress-train-student-soft-0'
    """
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


class ProgressArtifacts:
    """A listener that keeps one progress artifact for each long piece of work of a stage."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._known: dict[str, UUID] = {}
        self._answered = True

    def __call__(self, reached: Reached) -> None:
        """Write down how far the work has come; a server that does not answer is not asked again."""
        if not self._answered:
            return
        of = "" if reached.total is None else f" of {reached.total:,.0f}"
        told = f"{self._label}: {reached.what}, {reached.done:,.0f}{of} {reached.unit}s"
        try:
            self._write(reached.what, reached.percent or 0.0, told)
        except Exception as error:  # showing progress must never stop the work
            self._answered = False
            log.warning("%s: progress is not shown any more (%s)", self._label, error)

    def _write(self, what: str, percent: float, told: str) -> None:
        if what in self._known:
            update_progress_artifact(self._known[what], percent, description=told)
        else:
            key = artifact_key("progress", self._label)
            made = create_progress_artifact(percent, key=key, description=told)
            self._known[what] = cast("UUID", made)  # a coroutine only inside a loop
