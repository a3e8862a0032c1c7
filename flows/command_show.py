"""``distill show NAME TABLE``: the head of a table. ``… terms --passage PID``: the terms of a passage.

Terms are no table: a SPLADE student of the last run is opened and encodes the one passage.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.manifests import Manifest
from data.schemas import PASSAGES
from flows.records import RecordRow, manifests, tables_glob

if TYPE_CHECKING:
    import pyarrow as pa

TERMS = "terms"
KIND = "splade"


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill show``."""
    command.add_argument("name", metavar="NAME")
    command.add_argument("table", metavar="TABLE", help=f"a table of the run, or {TERMS}")
    command.add_argument("--head", type=int, default=None, metavar="N", help="rows; 10, or all terms")
    command.add_argument("--passage", default="", metavar="PID", help=f"{TERMS}: of this passage")
    command.add_argument(
        "--student", default="", metavar="S", help=f"{TERMS}: by this student, NAME or NAME/SEED"
    )


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print the head of a table, or terms with their weights, the heaviest first.

    Raises:
        ConfigError: nothing was run under this name, or it has no such table, passage or student.
    """
    if given.table == TERMS:
        _show_terms(given, store)
        return
    import polars as pl

    head = 10 if given.head is None else given.head
    pattern = tables_glob(store, given.name, given.table)
    with pl.Config(tbl_rows=head, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=160):
        print(pl.scan_parquet(pattern).head(head).collect())


def _show_terms(given: argparse.Namespace, store: ArtifactStore) -> None:
    rows = manifests(store, given.name)
    student, manifest = _student(rows, given.name, given.student)
    passage = _passage(store, rows, given.name, given.passage)
    weights = _encode(store, manifest, passage)
    print(f"{student}: {len(weights)} terms of {given.passage}")
    for term, weight in weights[: given.head]:
        print(f"{weight:8.4f}  {term}")


def _student(rows: list[tuple[RecordRow, Manifest]], name: str, student: str) -> tuple[str, Manifest]:
    """Name, seed and artifact of the SPLADE student that is meant; of several seeds, the first."""
    trained = {row.of: manifest for row, manifest in rows if row.stage == "train_student"}
    kinds = {of: str(manifest.recipe.config["student"]["kind"]) for of, manifest in trained.items()}
    fitting = [of for of, kind in kinds.items() if kind == KIND]
    found = [of for of in fitting if student in {"", of, of.rpartition("/")[0]}]
    if not found or (not student and len({of.rpartition("/")[0] for of in found}) > 1):
        listed = ", ".join(f"{of} ({kind})" for of, kind in kinds.items())
        raise ConfigError(
            where=f"run {name!r}",
            found=f"{len(fitting)} {KIND} students; those trained are {listed or 'none'}",
            expected=f"one of {', '.join(fitting)}" if fitting else f"a student of the kind {KIND}",
            advice="Choose with --student." if fitting else f'Add [[students]] with kind = "{KIND}".',
        )
    return found[0], trained[found[0]]


def _passage(store: ArtifactStore, rows: list[tuple[RecordRow, Manifest]], name: str, pid: str) -> "pa.Table":
    """The one row of the table ``passages``."""
    import polars as pl

    ref = next(manifest.ref for row, manifest in rows if row.stage == "ingest")
    passages = store.scan(PASSAGES, ref)
    found = passages.filter(pl.col("pid") == pid).collect()
    if found.is_empty():
        some = ", ".join(passages.select("pid").head(3).collect()["pid"].to_list())
        raise ConfigError(
            where="--passage",
            found=repr(pid) if pid else "none",
            expected=f"the pid of a passage, such as {some}",
            advice=f"See distill show {name} passages.",
        )
    return found.to_arrow()


def _encode(store: ArtifactStore, manifest: Manifest, passage: "pa.Table") -> list[tuple[str, float]]:
    from models.students.splade import SpladeConfig
    from models.texts import passage_texts

    told = manifest.recipe.config["student"]
    config = SpladeConfig(
        name=Path(manifest.of).parts[0],
        template=told["template"],
        query_max_tokens=told["query_max_tokens"],
        passage_max_tokens=told["passage_max_tokens"],
        training={"precision": told["training"]["precision"]},  # pyright: ignore[reportArgumentType]
    )
    student = config.load(store.path(manifest.ref, "model"))
    return student.encoder().terms_of(passage_texts(passage, config.template)[0])
