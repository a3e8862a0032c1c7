"""Tables of other tools in Parquet: written block by block, read with one message for what is wrong."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.answer_rows import LARGEST, Place
from data.errors import InputError


def write_blocks(blocks: Iterable[pl.DataFrame], schema: pa.Schema, path: Path) -> None:
    """Write frames, one after the other, as one table."""
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for block in blocks:
            file.write_table(block.select(schema.names).to_arrow().cast(schema))


def read_columns(path: Path, names: tuple[str, ...]) -> pl.DataFrame:
    """Read columns of a Parquet file, with ``line``: the row, counted from 1.

    Raises:
        InputError: it is no Parquet file, lacks a column, or a value is null.
    """
    expected = f"Parquet with the columns {', '.join(names)}"
    advice = "Check --format and the file."
    try:
        found = pl.read_parquet_schema(path)
        if not set(names) <= set(found):
            columns = f"the columns {', '.join(found)}"
            raise InputError(str(path), found=columns, expected=expected, advice=advice)
        frame = pl.read_parquet(path, columns=list(names)).with_row_index("line", offset=1)
    except pl.exceptions.PolarsError as error:
        found = f"what is not Parquet ({error})"
        raise InputError(str(path), found=found, expected=expected, advice=advice) from error
    for name in names:
        refuse_rows(frame, pl.col(name).is_null(), path, f"no {name}")
    return frame.with_columns(pl.col("line").cast(pl.Int64))


def refuse_rows(frame: pl.DataFrame, broken: pl.Expr, path: Path, found: str) -> None:
    """Refuse a frame with a row for which ``broken`` holds.

    Raises:
        InputError: there is one; the message names the first.
    """
    bad = frame.filter(broken).head(1)
    if len(bad):
        advice = "Correct the row or leave it out."
        raise Place(path, bad["line"][0]).bad(found, "a value that the format allows", advice)


def as_lists(frame: pl.DataFrame, name: str, inner: pl.DataType, path: Path) -> pl.DataFrame:
    """Make ``name`` a column of lists of ``inner``; published files also spell lists as text.

    Raises:
        InputError: it is a column of something else.
    """
    column, dtype = pl.col(name), frame.schema[name]
    spelled = pl.Int64() if inner == pl.String else inner
    try:
        if dtype == pl.String:
            frame = frame.with_columns(column.str.json_decode(pl.List(spelled)))
        return frame.with_columns(column.cast(pl.List(inner)))
    except pl.exceptions.PolarsError as error:
        where, advice = f"{path}, column {name}", "Write one list a row."
        raise InputError(where, found=str(dtype), expected=f"lists of {inner}", advice=advice) from error


def scored(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Give (line, qid, pid, score), ids as strings and scores as float32.

    Raises:
        InputError: an identifier is null or empty, or a score is not finite.
    """
    named = frame.select("line", pl.col("qid", "pid").cast(pl.String), pl.col("score").cast(pl.Float64))
    for name in ("qid", "pid"):
        refuse_rows(named, (pl.col(name) == "").fill_null(value=True), path, "an empty identifier")
    score = pl.col("score")
    finite = score.is_finite() & (score.abs() <= LARGEST)
    refuse_rows(named, ~finite.fill_null(value=False), path, "a score that is no finite number")
    return named.with_columns(score.cast(pl.Float32))
