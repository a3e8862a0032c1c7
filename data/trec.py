r"""Run and judgement files as trec_eval reads them, plain or gzip.

    run     qid Q0 pid rank score tag          judgements     qid 0 pid grade

Fields are separated by tabs when written, so that an identifier may hold a space; when read, by tabs
or, if that does not give the right number of fields, by any white space. Source of the format:
https://github.com/usnistgov/trec_eval
"""

import gzip
import io
import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa

from data import tables
from data.errors import CollectionError
from data.schemas import QRELS, RUN
from data.text_lines import read_lines

RUN_FIELDS = ("qid", "Q0", "pid", "rank", "score", "tag")
QRELS_FIELDS = ("qid", "0", "pid", "grade")


def write_run(run: pa.Table, tag: str, path: Path) -> None:
    """Write a run, query by query in the order of rank. Equal runs are equal bytes."""
    ordered = run.sort_by([("qid", "ascending"), ("rank", "ascending")])
    columns = (ordered[name].to_pylist() for name in ("qid", "pid", "rank", "score"))
    # Nine digits tell any two float32 scores apart.
    rows = (
        (qid, "Q0", pid, str(rank), f"{score:.9g}", tag)
        for qid, pid, rank, score in zip(*columns, strict=True)
    )
    _write(rows, path)


def write_qrels(qrels: pa.Table, path: Path) -> None:
    """Write judgements in the order of their key."""
    ordered = tables.sort(qrels, QRELS)
    columns = (ordered[name].to_pylist() for name in ("qid", "pid", "grade"))
    _write(((qid, "0", pid, str(grade)) for qid, pid, grade in zip(*columns, strict=True)), path)


def read_run(path: Path) -> pa.Table:
    """Read a run as the table ``run``, ranked anew: by falling score, equal scores by pid.

    Ranks in the file are checked, not used, for tools break ties differently.

    Raises:
        CollectionError: a line has the wrong fields, a score is not a number, a rank is not one or
            contradicts the scores, or a passage comes twice.
    """
    rows = [_run_row(path, number, fields) for number, fields in _rows(path, RUN_FIELDS)]
    frame = pl.DataFrame(
        rows,
        schema={"line": pl.Int64, "qid": pl.String, "pid": pl.String, "rank": pl.Int64, "score": pl.Float64},
        orient="row",
    )
    _refuse_repeats(frame, path)
    _refuse_rising_scores(frame, path)
    ranked = frame.sort("qid", "score", "pid", descending=[False, True, False])
    ranked = ranked.with_columns(rank=pl.int_range(1, pl.len() + 1).over("qid"))
    return tables.sort(ranked.select(RUN.columns.names).to_arrow().cast(RUN.columns), RUN)


def read_qrels(path: Path) -> pa.Table:
    """Read judgements as the table ``qrels``.

    Raises:
        CollectionError: a line has the wrong fields, a grade is not a whole number from 0, or a pair
            comes twice.
    """
    rows = [_qrels_row(path, number, fields) for number, fields in _rows(path, QRELS_FIELDS)]
    schema = {"line": pl.Int64, "qid": pl.String, "pid": pl.String, "grade": pl.Int16}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    _refuse_repeats(frame, path)
    return tables.sort(frame.select(QRELS.columns.names).to_arrow().cast(QRELS.columns), QRELS)


def _rows(path: Path, names: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    if not path.is_file():
        raise CollectionError(
            str(path), found="no file", expected=f"lines of {' '.join(names)}", advice="Correct the path."
        )
    for number, line in read_lines(path):
        fields = line.split("\t")
        if len(fields) != len(names):
            fields = line.split()
        if len(fields) != len(names):
            raise _bad(path, number, repr(line[:80]), " ".join(names), "Write every field, without spaces.")
        yield number, fields


def _run_row(path: Path, number: int, fields: list[str]) -> tuple[int, str, str, int, float]:
    qid, _, pid, rank, score, _ = fields
    if not rank.isdecimal() or int(rank) < 1:
        raise _bad(path, number, f"the rank {rank!r}", "a whole number from 1", "Count ranks from 1.")
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _bad(
            path, number, f"the score {score!r}", "a finite number", "Score the pair again or leave it out."
        )
    return number, qid, pid, int(rank), value


def _qrels_row(path: Path, number: int, fields: list[str]) -> tuple[int, str, str, int]:
    qid, _, pid, grade = fields
    if not grade.isdecimal() or int(grade) > 32_767:
        raise _bad(
            path, number, f"the grade {grade!r}", "a whole number from 0 to 32767", "Write 0 for irrelevant."
        )
    return number, qid, pid, int(grade)


def _refuse_repeats(frame: pl.DataFrame, path: Path) -> None:
    again = frame.filter(~pl.struct("qid", "pid").is_first_distinct())
    if len(again):
        row = again.row(0, named=True)
        found = f"the passage {row['pid']!r} again for the query {row['qid']!r}"
        raise _bad(path, row["line"], found, "each passage once for a query", "Keep the better of its lines.")


def _refuse_rising_scores(frame: pl.DataFrame, path: Path) -> None:
    by_rank = frame.sort("qid", "rank", "line")
    rising = by_rank.filter(pl.col("score") > pl.col("score").shift(1).over("qid"))
    if len(rising):
        row = rising.row(0, named=True)
        found = f"the score {row['score']:g} at rank {row['rank']}, above that of a better rank"
        advice = "Negate distances, or number the ranks by score."
        raise _bad(path, row["line"], found, "scores that fall with the rank", advice)


def _bad(path: Path, number: int, found: str, expected: str, advice: str) -> CollectionError:
    return CollectionError(f"{path}, line {number}", found=found, expected=expected, advice=advice)


def _write(rows: Iterable[tuple[str, ...]], path: Path) -> None:
    with _text_writer(path) as file:
        file.writelines("\t".join(row) + "\n" for row in rows)


@contextmanager
def _text_writer(path: Path) -> Generator[io.TextIOBase]:
    with path.open("wb") as file:
        if path.suffix == ".gz":
            # The name and the time of writing stay out of the header.
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
            with packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
                yield text
        else:
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
                yield text
