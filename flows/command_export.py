"""``distill export NAME key --format F``: a run's answer key as other tools read it.

The folder is filled under another name and renamed when it is whole. What the format lost is printed.
"""

import argparse
import os
import shutil
from pathlib import Path

from data.answer_key import AnswerKey
from data.artifacts import ArtifactStore
from data.dialect import Dialect, Exported
from data.dialects import DIALECTS
from data.dialects.tuples import Tuples
from data.errors import ConfigError
from flows.answer_keys import open_key


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill export``."""
    command.add_argument("name", metavar="NAME")
    command.add_argument("what", choices=("key",), help="key: the answer key")
    command.add_argument("--format", choices=tuple(DIALECTS), required=True)
    command.add_argument(
        "--teacher", default="", metavar="T", help="whose answers; needed if there are several"
    )
    command.add_argument("--into", type=Path, metavar="FOLDER", help="a new folder; NAME-FORMAT unless given")
    command.add_argument(
        "--template", default="{title} {text}", help="how title and text of a passage become one string"
    )
    command.add_argument(
        "--negatives", type=int, metavar="N", help="negatives in a row of tuples; 1 unless given"
    )


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Write the folder and print what it holds and what it lost.

    Raises:
        ConfigError: the folder is there already, the run has no such answers, the format can hold none of
            them, or its rows have no width to choose.
    """
    dialect = _dialect(given.format, given.negatives)
    folder: Path = given.into or Path(f"{given.name}-{given.format}")
    if folder.exists():
        raise ConfigError(
            str(folder),
            found="something there already",
            expected="a new folder",
            advice="Remove it, or name another with --into.",
        )
    key = open_key(store, given.name, given.teacher, given.template)
    scratch = folder.with_name(f".{folder.name}-{os.getpid()}")
    scratch.mkdir(parents=True)
    try:
        exported = dialect.write(key, scratch)
        _refuse_nothing(exported, key)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{folder / dialect.file}: {exported.pairs} of {key.pairs} answers of {key.teacher}")
    if exported.note:
        print(exported.note)
    print(f"lost: {'; '.join(dialect.loses)} ({key.pairs - exported.pairs} answers)")


def _dialect(name: str, negatives: int | None) -> Dialect:
    dialect = DIALECTS[name]
    if negatives is None:
        return dialect
    if not isinstance(dialect, Tuples):
        raise ConfigError(
            where=f"--negatives {negatives}",
            found=f"--format {name}, which holds however many there are",
            expected=f"--format {Tuples.name}",
            advice="Leave --negatives out.",
        )
    return Tuples(negatives)


def _refuse_nothing(exported: Exported, key: AnswerKey) -> None:
    if not exported.pairs:
        raise ConfigError(
            where=f"answers of {key.teacher}",
            found=exported.note or "no query with an answer for both a positive and a negative",
            expected="at least one that can be held",
            advice="Lower --negatives, or export them as trec or trio, which need neither.",
        )
