import pyarrow as pa
import pytest

from data.errors import CollectionError
from data.sources.columns import adopt

NAMES = {"qid": ("qid", "query-id"), "pid": ("pid",), "grade": ("grade", "score")}


def judgements(grades, qids=("q",)):
    return pa.table({"query-id": list(qids) * len(grades), "pid": ["p"] * len(grades), "score": grades})


@pytest.mark.parametrize("grades", [[2, 0], [2.0, 0.0], ["2", "0"], pa.array([2, 0], pa.int8())])
def test_grades_become_whole_numbers_whatever_held_them(grades):
    sheet = adopt(judgements(grades), NAMES, "qrels")
    assert sheet.table["grade"].to_pylist() == [2, 0]
    assert sheet.table["grade"].type == pa.int64()
    assert sheet.names == {"qid": "query-id", "pid": "pid", "grade": "score"}


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_text_is_text_in_every_form_of_arrow(dtype):
    table = pa.table({"pid": pa.array(["007", "ä b"], dtype), "text": pa.array(["x", None], dtype)})
    sheet = adopt(table, {"pid": ("pid",), "text": ("text",)}, "corpus")
    assert sheet.table.equals(pa.table({"pid": ["007", "ä b"], "text": ["x", None]}))


def test_integers_are_ids_by_their_digits():
    assert adopt(judgements([1], qids=(12,)), NAMES, "qrels").table["qid"].to_pylist() == ["12"]


@pytest.mark.parametrize("title", [None, [None, "Rhine"]])
def test_a_missing_title_is_empty(title):
    columns = {"pid": ["a", "b"]} | ({"title": title} if title else {})
    sheet = adopt(pa.table(columns), {"pid": ("pid",), "title": ("title",)}, "corpus")
    assert sheet.table["title"].to_pylist() == ["", "Rhine" if title else ""]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            pa.table({"qid": ["q"], "pid": ["p"]}),
            r"qrels: found the columns qid, pid; expected a column grade or score",
        ),
        (
            judgements([1.0, 0.5]),
            r"qrels, row 2: found the score 0\.5; expected a whole number from 0\. Round",
        ),
        (judgements([float("nan")]), r"qrels, row 1: found the score nan"),
        (judgements([float("inf")]), r"qrels, row 1: found the score inf"),
        (judgements(["high"]), r"qrels, row 1: found the score 'high'"),
        (judgements([[1]]), r"qrels: found score of type list<.*>; expected whole numbers\. Store"),
        (judgements([1], qids=(1.0,)), r"qrels: found query-id of type double; expected text\. Store"),
    ],
)
def test_columns_that_cannot_be_ours_are_refused(table, message):
    with pytest.raises(CollectionError, match=message):
        adopt(table, NAMES, "qrels")
