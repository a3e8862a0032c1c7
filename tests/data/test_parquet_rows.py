import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.parquet_rows import as_lists, read_columns, scored, write_blocks

SCHEMA = pa.schema([("a", pa.string())])


@given(blocks=st.lists(st.lists(st.text(st.characters(blacklist_categories=["Cs"])))))
def test_blocks_become_one_table(blocks, tmp_path_factory):
    path = tmp_path_factory.mktemp("blocks") / "t.parquet"
    write_blocks((pl.DataFrame({"a": block}, {"a": pl.String}) for block in blocks), SCHEMA, path)
    values = [value for block in blocks for value in block]
    assert read_columns(path, ("a",)).rows() == list(enumerate(values, start=1))


def test_what_is_not_parquet_is_refused(tmp_path):
    (tmp_path / "t").write_text("{}")
    with pytest.raises(
        InputError, match=r"t: found what is not Parquet .*; expected Parquet with the columns a"
    ):
        read_columns(tmp_path / "t", ("a",))


def test_missing_columns_and_values_are_refused(tmp_path):
    pl.DataFrame({"a": ["x", None], "b": [1, 2]}).write_parquet(tmp_path / "t")
    with pytest.raises(
        InputError, match=r"t: found the columns a, b; expected Parquet with the columns a, c"
    ):
        read_columns(tmp_path / "t", ("a", "c"))
    with pytest.raises(InputError, match=r"t, line 2: found no a; "):
        read_columns(tmp_path / "t", ("a", "b"))


@pytest.mark.parametrize("ids", [[["7", "8"]], [[7, 8]], ["[7, 8]"]])
def test_lists_may_be_texts_or_integers(ids, tmp_path):
    frame = pl.DataFrame({"a": ids})
    assert as_lists(frame, "a", pl.String(), tmp_path)["a"].to_list() == [["7", "8"]]


@pytest.mark.parametrize("values", [["x"], [1.5]])
def test_what_is_no_list_is_refused(values, tmp_path):
    with pytest.raises(
        InputError, match=r"column a: found .*; expected lists of Float64\. Write one list a row"
    ):
        as_lists(pl.DataFrame({"a": values}), "a", pl.Float64(), tmp_path)


@pytest.mark.parametrize(
    ("qid", "score", "found"),
    [
        ("", 1.0, "an empty identifier"),
        (None, 1.0, "an empty identifier"),
        ("q", float("nan"), "a score that is no finite number"),
        ("q", 1e39, "a score that is no finite number"),
        ("q", None, "a score that is no finite number"),
    ],
)
def test_broken_rows_are_refused_with_their_number(qid, score, found, tmp_path):
    schema = {"line": pl.Int64, "qid": pl.String, "pid": pl.String, "score": pl.Float64}
    frame = pl.DataFrame([(1, "q", "a", 1.0), (2, qid, "a", score)], schema, orient="row")
    with pytest.raises(InputError, match=rf"line 2: found {found}"):
        scored(frame, tmp_path)
