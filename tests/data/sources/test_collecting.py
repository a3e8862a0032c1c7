import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import CollectionError
from data.sources import collecting
from data.sources.collecting import collect

NAMES = {"qid": "query-id", "grade": "score"}


@given(rows=st.lists(st.tuples(st.text(), st.integers(-9, 9))), chunk=st.integers(1, 5))
def test_the_size_of_a_chunk_does_not_show(rows, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "CHUNK", chunk)
        sheet = collect(enumerate(rows, start=1), NAMES, "test.tsv")
    assert sheet.table.column_names == ["qid", "grade"]
    assert list(zip(*(column.to_pylist() for column in sheet.table.columns), strict=True)) == rows
    assert sheet.lines.tolist() == list(range(1, len(rows) + 1))


def test_half_a_character_is_refused_with_its_line():
    rows = [(3, ("whole", 1)), (5, ("half \ud83d", 1))]
    with pytest.raises(
        CollectionError, match=r"test\.tsv, line 5: found half of a surrogate pair; .*Replace it"
    ):
        collect(rows, NAMES, "test.tsv")
