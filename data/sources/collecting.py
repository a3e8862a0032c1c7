"""Rows, one after the other, made into a sheet without ever holding all of them as Python objects."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from data.collections import Sheet
from data.errors import CollectionError

# Python's objects of a row take five times the room of Arrow's.
CHUNK = 65_536

Row = tuple[object, ...]


def collect(rows: Iterable[tuple[int, Row]], names: Mapping[str, str], place: str) -> Sheet:
    """Make a sheet of (line number, values in the order of ``names``).

    Raises:
        CollectionError: a value holds what no UTF-8 text can hold.
    """
    schema = pa.schema([(name, pa.int64() if name == "grade" else pa.string()) for name in names])
    batches: list[pa.RecordBatch] = []
    lines: list[np.ndarray] = []
    waiting: list[tuple[int, Row]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == CHUNK:
            batches.append(_batch(waiting, schema, place))
            lines.append(_numbers(waiting))
            waiting.clear()
    batches.append(_batch(waiting, schema, place))
    lines.append(_numbers(waiting))
    return Sheet(pa.Table.from_batches(batches, schema), place, names, np.concatenate(lines))


def _numbers(rows: Sequence[tuple[int, Row]]) -> np.ndarray:
    return np.array([number for number, _ in rows], dtype=np.int64)


def _batch(rows: Sequence[tuple[int, Row]], schema: pa.Schema, place: str) -> pa.RecordBatch:
    columns = list(zip(*(values for _, values in rows), strict=True)) or [()] * len(schema)
    try:
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    except UnicodeEncodeError as error:
        number = next(number for number, values in rows if _is_broken(values))
        raise CollectionError(
            where=f"{place}, line {number}",
            found="half of a surrogate pair",
            expected="whole characters",
            advice="Replace it by the character that is meant, or by \\ufffd.",
        ) from error
    return pa.record_batch(arrays, schema=schema)


def _is_broken(values: Row) -> bool:
    # JSON can spell half of a surrogate pair.
    return any("\ud800" <= letter <= "\udfff" for letter in "".join(map(str, values)))
