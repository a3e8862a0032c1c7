"""``distill import FILE --format F --teacher T --into OUT.parquet``: other tools' scores as ``answers``.

The table is checked and written under another name, then renamed: a bad line leaves nothing behind.
"""

import argparse
import os
from pathlib import Path

from data import tables
from data.artifacts import ArtifactStore
from data.dialect import read_answers
from data.dialects import DIALECTS
from data.errors import ConfigError
from data.schemas import ANSWERS
from flows.answer_keys import open_texts


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill import``."""
    command.add_argument("file", type=Path, metavar="FILE", help="the file, or a folder that was exported")
    command.add_argument("--format", choices=tuple(DIALECTS), required=True)
    command.add_argument("--teacher", required=True, metavar="T", help="the name that the scores shall bear")
    command.add_argument("--into", type=Path, required=True, metavar="OUT.parquet")
    command.add_argument("--run", default="", metavar="NAME", help="whose texts they are, if ids are missing")
    command.add_argument(
        "--template", default="{title} {text}", help="how title and text of a passage became one string"
    )


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Read the file and write the table.

    Raises:
        ConfigError: the output is there already, its folder is not, or its name does not end in .parquet.
        InputError: a line breaks the format.
    """
    into: Path = given.into
    if into.suffix != ".parquet" or into.exists() or not into.parent.is_dir():
        raise ConfigError(
            str(into),
            found=_found(into),
            expected="a new file that ends in .parquet, in a folder that is there",
            advice="Name another with --into.",
        )
    texts = open_texts(store, given.run, given.template) if given.run else None
    answers = read_answers(DIALECTS[given.format], given.file, given.teacher, texts)
    scratch = into.with_name(f".{into.name}-{os.getpid()}")
    try:
        tables.write(answers, ANSWERS, scratch)
        scratch.replace(into)
    finally:
        scratch.unlink(missing_ok=True)
    queries = len(answers["qid"].unique())
    print(f"{into}: {answers.num_rows} answers to {queries} queries by {given.teacher}")


def _found(into: Path) -> str:
    if into.exists():
        return "something there already"
    return "another ending" if into.parent.is_dir() else f"no folder {into.parent}"
