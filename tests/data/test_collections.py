import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from data.collections import Sheet, SourceConfig

TABLE = pa.table({"pid": ["a", "b"]})


def test_a_row_is_named_by_its_line_where_there_are_lines():
    assert Sheet(TABLE, "corpus.jsonl", {}, np.array([1, 7])).where(1) == "corpus.jsonl, line 7"


def test_a_row_is_counted_from_one_where_there_are_none():
    assert Sheet(TABLE, "corpus.parquet", {}).where(0) == "corpus.parquet, row 1"


def test_a_source_refuses_a_key_that_it_does_not_know():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        SourceConfig.model_validate({"pth": "x"})
