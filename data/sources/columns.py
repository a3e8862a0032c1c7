"""Columns under foreign names and of foreign types, made ours.

Identifiers that were stored as integers become their digits; grades that were stored as decimals or as
text must be whole numbers. Everything else must be text already.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from data.checks import refuse
from data.collections import Sheet
from data.errors import CollectionError

IDS = ("qid", "pid")
OPTIONAL = "title"


def adopt(table: pa.Table, names: Mapping[str, Sequence[str]], place: str) -> Sheet:
    """Give ``table`` our column names; ``names`` says what each may be called there.

    Raises:
        CollectionError: a column is missing or cannot be what it should be.
    """
    found = {ours: _name_in(table, ours, theirs, place) for ours, theirs in names.items()}
    empty = Sheet(table, place, found)
    arrays = {ours: _convert(table, ours, name, empty) for ours, name in found.items()}
    return Sheet(pa.table(arrays), place, found)


def _name_in(table: pa.Table, ours: str, theirs: Sequence[str], place: str) -> str:
    present = [name for name in theirs if name in table.column_names]
    if not present and ours != OPTIONAL:
        raise CollectionError(
            place,
            found=f"the columns {', '.join(table.column_names)}",
            expected=f"a column {' or '.join(theirs)}",
            advice="Rename the column, or name it in the source where its kind allows that.",
        )
    return present[0] if present else ours


def _convert(table: pa.Table, ours: str, name: str, sheet: Sheet) -> pa.ChunkedArray:
    if name not in table.column_names:
        return pa.chunked_array([pa.repeat(pa.scalar(""), table.num_rows)])
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if ours == "grade":
        return _grades(column, sheet)
    may_be_number = ours in IDS and pa.types.is_integer(column.type)
    if not may_be_number and not _is_text(column.type):
        raise _wrong_type(sheet, name, column.type, "text")
    column = column.cast(pa.string())
    return column.fill_null("") if ours == OPTIONAL else column


def _grades(column: pa.ChunkedArray, sheet: Sheet) -> pa.ChunkedArray:
    values = pl.Series(column)
    if _is_text(column.type):
        whole = values.str.contains(r"^-?[0-9]{1,9}$")
    elif values.dtype.is_numeric():
        decimals = values.cast(pl.Float64)
        whole = decimals.is_between(-1e9, 1e9) & (decimals == decimals.floor())
    else:
        raise _wrong_type(sheet, sheet.names["grade"], column.type, "whole numbers")
    rows = np.flatnonzero(~whole.fill_null(value=True).to_numpy())
    if rows.size:
        name, value = sheet.names["grade"], column[int(rows[0])].as_py()
        refuse(sheet, rows, f"the {name} {value!r}", "a whole number from 0", "Round it.")
    return column.cast(pa.int64())


def _is_text(dtype: pa.DataType) -> bool:
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype)


def _wrong_type(sheet: Sheet, name: str, dtype: pa.DataType, wanted: str) -> CollectionError:
    return CollectionError(
        sheet.place,
        found=f"{name} of type {dtype}",
        expected=wanted,
        advice=f"Store the column as {wanted}; only that keeps every value as it was.",
    )
