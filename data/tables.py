"""Read and write Parquet tables that keep their contract."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import SchemaError
from data.schemas import TableSchema

ROW_GROUP = 131_072


def check(table: pa.Table, schema: TableSchema) -> None:
    """Raise unless ``table`` keeps the contract ``schema``.

    Raises:
        SchemaError: columns or types differ, a required value is null, a number is not finite,
            or two rows share a key.

    >>> from data.schemas import QRELS
    >>> rows = {"qid": ["q1", "q1"], "pid": ["p1", "p1"], "grade": [1, 2]}
    >>> check(pa.table(rows, schema=QRELS.columns), QRELS)
    Traceback (most recent call last):
        ...
    data.errors.SchemaError: qrels: 1 of 2 rows repeat (qid, pid); keep one per key.
    """
    _check_values(table, schema)
    repeats = table.num_rows - table.group_by(list(schema.key)).aggregate([]).num_rows
    if repeats:
        key = ", ".join(schema.key)
        msg = f"{schema.name}: {repeats} of {table.num_rows} rows repeat ({key}); keep one per key."
        raise SchemaError(msg)


def _check_values(table: pa.Table, schema: TableSchema) -> None:
    if not table.schema.equals(schema.columns):
        msg = f"{schema.name}: found {_columns(table.schema)}; expected {_columns(schema.columns)}."
        raise SchemaError(msg)
    required = [field.name for field in schema.columns if not field.nullable]
    nulls = [name for name in required if table[name].null_count]
    if nulls:
        msg = f"{schema.name}: null values in {', '.join(nulls)}; the column is required."
        raise SchemaError(msg)
    for field in schema.columns:
        if pa.types.is_floating(field.type) and table.num_rows:
            values = table[field.name].drop_null().to_numpy()
            wild = len(values) - int(np.isfinite(values).sum())
            if wild:
                msg = f"{schema.name}: {wild} values of {field.name} are NaN or infinite; expected numbers."
                raise SchemaError(msg)


def from_rows(rows: Iterable[Sequence[object]], schema: TableSchema) -> pa.Table:
    """Make a table of tuples in column order.

    >>> from data.schemas import QRELS
    >>> from_rows([("q1", "p1", 1)], QRELS).num_rows
    1
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(schema.columns)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema.columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema.columns)


def sort(table: pa.Table, schema: TableSchema) -> pa.Table:
    """Order rows by the key, the order in which every table is stored."""
    return table.sort_by([(column, "ascending") for column in schema.key])


def write(table: pa.Table, schema: TableSchema, path: Path) -> None:
    """Check ``table``, sort it by its key and write it to ``path``."""
    check(table, schema)
    pq.write_table(sort(table, schema), path, compression="zstd", row_group_size=ROW_GROUP)


class RowWriter:
    """Write a table that does not fit in memory, batch by batch in ascending key order.

    A key may not be spread over two batches, so each batch is checked as a table of its own and
    the first key of a batch must lie above the last key of the one before. Row groups are cut at the same
    places whatever the batches were: the same rows are the same bytes.
    """

    def __init__(self, schema: TableSchema, path: Path) -> None:
        self.schema = schema
        self.rows = 0
        self._last: tuple[object, ...] | None = None
        self._waiting: list[pa.Table] = []
        self._file = pq.ParquetWriter(path, schema.columns, compression="zstd")

    def write(self, batch: pa.Table) -> None:
        """Append ``batch``.

        Raises:
            SchemaError: the batch breaks its contract or starts before the previous one ended.
        """
        if not batch.num_rows:
            return
        check(batch, self.schema)
        batch = sort(batch, self.schema)
        first, last = (self._key_of(batch, row) for row in (0, batch.num_rows - 1))
        if self._last is not None and first <= self._last:
            msg = f"{self.schema.name}: found key {first} after {self._last}; expected ascending batches."
            raise SchemaError(msg)
        self._last = last
        self.rows += batch.num_rows
        self._waiting.append(batch)
        if sum(table.num_rows for table in self._waiting) >= ROW_GROUP:
            waiting = pa.concat_tables(self._waiting)
            full = waiting.num_rows - waiting.num_rows % ROW_GROUP
            self._file.write_table(waiting.slice(0, full).combine_chunks(), row_group_size=ROW_GROUP)
            self._waiting = [waiting.slice(full)]

    def _key_of(self, batch: pa.Table, row: int) -> tuple[object, ...]:
        return tuple(batch[column][row].as_py() for column in self.schema.key)

    def close(self) -> None:
        """Finish the file."""
        rest = pa.concat_tables([self.schema.columns.empty_table(), *self._waiting])
        if rest.num_rows or not self.rows:
            self._file.write_table(rest.combine_chunks(), row_group_size=ROW_GROUP)
        self._waiting = []
        self._file.close()


def read(schema: TableSchema, paths: Sequence[Path]) -> pa.Table:
    """Read the parts of a table and check columns and values; keys were checked when written."""
    table = (
        # Not read_table: it imports a second of libraries that one file does not need.
        pa.concat_tables([_whole(path) for path in paths]) if paths else schema.columns.empty_table()
    )
    table = table.replace_schema_metadata(None)
    _check_values(table, schema)
    return table


def _whole(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
