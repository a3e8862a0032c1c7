import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import tables
from data.errors import SchemaError
from data.schemas import ANSWERS, QRELS

QREL = st.tuples(st.text(min_size=1), st.text(min_size=1), st.integers(0, 3))
QREL_ROWS = st.lists(QREL, unique_by=lambda row: row[:2])


@given(rows=QREL_ROWS)
def test_write_then_read_gives_the_same_rows_sorted_by_key(rows, tmp_path):
    path = tmp_path / "qrels.parquet"
    tables.write(tables.from_rows(rows, QRELS), QRELS, path)
    read = tables.read(QRELS, [path])
    assert [tuple(row.values()) for row in read.to_pylist()] == sorted(
        rows, key=lambda row: (row[0].encode(), row[1].encode())
    )


@given(rows=QREL_ROWS)
def test_equal_rows_in_any_order_are_equal_bytes(rows, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    tables.write(tables.from_rows(rows, QRELS), QRELS, one)
    tables.write(tables.from_rows(rows[::-1], QRELS), QRELS, two)
    assert one.read_bytes() == two.read_bytes()


def test_batches_written_in_order_read_as_one_table(tmp_path):
    writer = tables.RowWriter(QRELS, tmp_path / "qrels.parquet")
    writer.write(tables.from_rows([("q1", "p2", 1), ("q1", "p1", 0)], QRELS))
    writer.write(tables.from_rows([], QRELS))
    writer.write(tables.from_rows([("q2", "p1", 3)], QRELS))
    writer.close()
    assert writer.rows == 3
    assert pq.read_table(tmp_path / "qrels.parquet")["pid"].to_pylist() == ["p1", "p2", "p1"]


@given(rows=QREL_ROWS, size=st.integers(1, 5))
def test_batches_of_any_size_are_the_bytes_of_the_whole_table(rows, size, tmp_path):
    rows = sorted(rows, key=lambda row: (row[0].encode(), row[1].encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROW_GROUP", 4)
        tables.write(tables.from_rows(rows, QRELS), QRELS, tmp_path / "whole")
        writer = tables.RowWriter(QRELS, tmp_path / "batches")
        for start in range(0, len(rows), size):
            writer.write(tables.from_rows(rows[start : start + size], QRELS))
        writer.close()
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "batches").read_bytes()


def test_a_batch_that_starts_before_the_last_one_ended_is_refused(tmp_path):
    writer = tables.RowWriter(QRELS, tmp_path / "qrels.parquet")
    writer.write(tables.from_rows([("q2", "p1", 1)], QRELS))
    with pytest.raises(SchemaError, match=r"found key \('q1', 'p1'\) after \('q2', 'p1'\)"):
        writer.write(tables.from_rows([("q1", "p1", 1)], QRELS))
    writer.close()


def test_check_names_the_missing_column():
    with pytest.raises(SchemaError, match=r"qrels: found qid: string; expected qid: string, pid"):
        tables.check(pa.table({"qid": ["q1"]}), QRELS)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(SchemaError, match="1 values of score are NaN or infinite"):
        tables.check(tables.from_rows([("q", "p", "t", score), ("q", "r", "t", 1.0)], ANSWERS), ANSWERS)


def test_a_null_in_a_required_column_is_refused():
    with pytest.raises(SchemaError, match="null values in pid"):
        tables.check(tables.from_rows([("q", None, 1)], QRELS), QRELS)
