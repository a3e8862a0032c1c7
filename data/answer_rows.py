"""Rows of a file of scores, from whatever format, made into one teacher's answers.

A pair may come more than once, as in triples, where a positive comes with each of its negatives: the first
of its scores counts. Teachers that computed a pair twice in half precision differ in the third digit; a
larger difference is a contradiction and is refused.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from data import tables
from data.errors import InputError
from data.schemas import ANSWERS
from data.text_lines import read_lines

CHUNK = 65_536
LARGEST = 3.4028235e38  # of float32
ROUNDING = 0.02
FRAME = {"line": pl.Int64, "qid": pl.String, "pid": pl.String, "score": pl.Float32}


class Row(NamedTuple):
    """One score and the line, counted from 1, that holds it. Ids are ids, or texts that stand for them."""

    line: int
    qid: str
    pid: str
    score: float


class Place(NamedTuple):
    """Where something was found: a file and, counted from 1, a line or row of it."""

    path: Path
    line: int

    def bad(self, found: str, expected: str, advice: str) -> InputError:
        """Make the error for what was found here."""
        where = f"{self.path}, line {self.line}"
        return InputError(where, found=found, expected=expected, advice=advice)


def frame_of(rows: Iterable[Row], path: Path) -> pl.DataFrame:
    """Collect rows as (line, qid, pid, score) without ever holding all of them as Python objects.

    Raises:
        InputError: an identifier holds what no UTF-8 text can hold.
    """
    parts = [pl.DataFrame(schema=FRAME)]
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == CHUNK:
            parts.append(_part(waiting, path))
            waiting = []
    return pl.concat([*parts, _part(waiting, path)])


def _part(rows: list[Row], path: Path) -> pl.DataFrame:
    try:
        return pl.DataFrame(rows, schema=FRAME, orient="row")
    except UnicodeEncodeError as error:
        line = next(row.line for row in rows if any("\ud800" <= x <= "\udfff" for x in row.qid + row.pid))
        found, advice = "half of a surrogate pair", "Replace it by the character that is meant."
        raise Place(path, line).bad(found, "whole characters", advice) from error


def answers_of(frame: pl.DataFrame, path: Path, teacher: str) -> pa.Table:
    """Make the table ``answers`` of (line, qid, pid, score).

    Raises:
        InputError: there is no row, or a pair has two scores that are more than rounding apart.
    """
    if frame.is_empty():
        found, advice = "no score", "Check that this is the file that was meant."
        raise Place(path, 1).bad(found, "at least one", advice)
    first = pl.col("score").first().over("qid", "pid")
    apart = (pl.col("score").cast(pl.Float64) - first).abs() > ROUNDING * pl.max_horizontal(1.0, first.abs())
    again = frame.with_columns(first=first).filter(apart).head(1)
    if len(again):
        row = again.row(0, named=True)
        found = f"the score {row['score']:g} for ({row['qid']}, {row['pid']}), scored {row['first']:g} above"
        raise Place(path, row["line"]).bad(found, "one score for a pair", "Keep the lines of one teacher.")
    once = frame.unique(["qid", "pid"], keep="first", maintain_order=True)
    named = once.select("qid", "pid", teacher=pl.lit(teacher), score="score")
    return tables.sort(named.to_arrow().cast(ANSWERS.columns), ANSWERS)


def score_of(value: object, place: Place) -> float:
    """Read a score: a number, or text that is one, that float32 can hold.

    Raises:
        InputError: it is none.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= LARGEST:
        advice = "Score the pair again or leave it out."
        raise place.bad(f"the score {value!r}"[:80], "a finite number", advice)
    return number


def id_of(value: object, place: Place) -> str:
    """Read an identifier: a string, kept verbatim, or a JSON integer, kept as its digits.

    Raises:
        InputError: it is neither, or empty.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        found = f"{value!r}"[:80] + " as an identifier"
        raise place.bad(found, "a string that is not empty", "Name the query or passage.")
    return value


def list_of(record: dict[str, Any], name: str, place: Place, length: int | None = None) -> list[Any]:
    """Give the list under ``name``.

    Raises:
        InputError: there is none, or its length is not ``length``.
    """
    value = record.get(name)
    if not isinstance(value, list):
        found = f"no list {name}" if value is None else f"{name}: {value!r}"[:80]
        raise place.bad(found, f"a list {name}", "Check --format.")
    if length is not None and len(value) != length:
        found = f"{len(value)} {name}"
        raise place.bad(found, f"{length}", "Give every passage one score.")
    return value


def json_values(path: Path) -> Iterator[tuple[Place, Any]]:
    """Give the JSON value of every line.

    Raises:
        InputError: a line is not JSON.
    """
    for number, line in read_lines(path):
        place = Place(path, number)
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            found = f"what is not JSON ({error})"
            raise place.bad(found, "one JSON value a line", "Correct it.") from error


def json_objects(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give the JSON object of every line.

    Raises:
        InputError: a line is not a JSON object.
    """
    for place, value in json_values(path):
        if not isinstance(value, dict):
            raise place.bad(f"{value!r}"[:80], "a JSON object", "Check --format.")
        yield place, value
