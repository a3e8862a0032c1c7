"""What a dialect is: a way in which other tools write down a teacher's answers.

Each writes a folder whose ``file`` holds the scores; what else the tool wants to read lies beside it. What it
cannot hold is said in ``loses``: read back, a key is what it was, minus exactly that. Every dialect
holds one teacher and not its name, which is given again when it is read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl
import pyarrow as pa

from data.answer_key import AnswerKey
from data.answer_rows import Place, answers_of
from data.errors import InputError

TEACHER = "the teacher's name"
UNSPLIT = "queries without an answer for both a positive and a negative"


@dataclass(frozen=True)
class Exported:
    """How many answers were written, and what whoever trains with them should know."""

    pairs: int
    note: str = ""


@dataclass(frozen=True)
class Texts:
    """Whose texts they are: queries (qid, text) and passages (pid, text), for files that hold texts only."""

    queries: pl.DataFrame
    passages: pl.DataFrame

    def ids_of(self, rows: pl.DataFrame, path: Path) -> pl.DataFrame:
        """Replace the texts in the columns qid and pid of ``rows`` by identifiers.

        A text of several passages stands for all of them: a teacher sees nothing else of a passage.

        Raises:
            InputError: a text is of no query or of no passage.
        """
        for column, table in (("qid", self.queries), ("pid", self.passages)):
            names = table.select(text="text", found=column)
            rows = rows.join(names, left_on=column, right_on="text", how="left", maintain_order="left")
            unknown = rows.filter(pl.col("found").is_null()).head(1)
            if len(unknown):
                row = unknown.row(0, named=True)
                found = f"the text {row[column][:60]!r}"
                advice = "Name the run that the file was made from, and its --template."
                raise Place(path, row["line"]).bad(found, "a text of the run", advice)
            rows = rows.with_columns(pl.col("found").alias(column)).drop("found")
        return rows


class Dialect(Protocol):
    """One format, written and read."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        ...

    @property
    def file(self) -> str:
        """The file, in the folder that ``write`` fills, that holds the scores."""
        ...

    @property
    def loses(self) -> tuple[str, ...]:
        """What of a key the format cannot hold."""
        ...

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write ``key`` into ``folder``, which is there and empty.

        Raises:
            InputError: an identifier is one that the format cannot hold.
        """
        ...

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:
        """Read (line, qid, pid, score); a pair may come more than once.

        Raises:
            InputError: a line breaks the format.
        """
        ...


def read_answers(dialect: Dialect, path: Path, teacher: str, texts: Texts | None = None) -> pa.Table:
    """Read a file or an exported folder as the table ``answers`` of ``teacher``.

    Raises:
        InputError: nothing is there, or a line breaks the format.
    """
    file = path / dialect.file if path.is_dir() else path
    if not file.is_file():
        advice = f"Give the file, or the folder that holds {dialect.file}."
        raise InputError(str(file), found="no file", expected=f"scores as {dialect.name}", advice=advice)
    return answers_of(dialect.read(file, texts), file, teacher)


def needs_texts(path: Path, texts: Texts | None) -> Texts:
    """Give ``texts``.

    Raises:
        InputError: there are none.
    """
    if texts is None:
        raise InputError(
            str(path),
            found="texts without identifiers",
            expected="the run whose texts they are",
            advice="Add --run NAME.",
        )
    return texts


def refuse_ids(ids: pl.Series, broken: str, dialect: str, expected: str) -> None:
    """Refuse identifiers in which the pattern ``broken`` is found.

    Raises:
        InputError: there is one; the message counts them and shows the first.

    >>> refuse_ids(pl.Series("pid", ["a b"]), r"[ ]", "trec", "no spaces")
    Traceback (most recent call last):
        ...
    data.errors.InputError: trec: found 1 of 1 values of pid such as 'a b'; expected no spaces. \
Choose a format of JSON or Parquet.
    """
    bad = ids.filter(ids.str.contains(broken))
    if len(bad):
        raise InputError(
            dialect,
            found=f"{len(bad)} of {len(ids)} values of {ids.name} such as {bad[0]!r}",
            expected=expected,
            advice="Choose a format of JSON or Parquet.",
        )
