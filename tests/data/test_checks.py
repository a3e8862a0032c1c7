import numpy as np
import pyarrow as pa
import pytest

from data.checks import (
    check_apart,
    check_judgements,
    check_passages,
    check_queries,
    known_rows,
    refuse_unknown,
)
from data.collections import Collection, Sheet
from data.errors import CollectionError


def passages(*rows):
    names = {"pid": "_id", "title": "title", "text": "text"}
    columns = {name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(names)}
    return Sheet(pa.table(columns), "corpus", names)


def queries(*rows):
    names = {"qid": "_id", "text": "text"}
    columns = {name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(names)}
    return Sheet(pa.table(columns), "queries", names)


def judgements(*rows, place="test.tsv"):
    names = {"qid": "query-id", "pid": "corpus-id", "grade": "score"}
    types = (pa.string(), pa.string(), pa.int64())
    columns = [pa.array([row[n] for row in rows], dtype) for n, dtype in enumerate(types)]
    return Sheet(pa.table(columns, names=list(names)), place, names, np.arange(2, 2 + len(rows)))


def test_a_sound_collection_passes():
    check_passages(passages(("007", "", "text"), ("7", "title", ""), (" 7", "a", "b")))
    check_queries(queries(("q 1", "what"), ("Q 1", "what")))
    check_queries(queries())
    check_judgements(judgements(("q", "p", 0), ("q", "p2", 3), ("q", "p", 0)))
    check_apart({"train": judgements(("q1", "p", 1)), "test": judgements(("q2", "p", 1))})


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (passages(), r"corpus: found no passage; expected at least one\."),
        (passages(("a", "", "x"), (None, "", "x")), r"corpus, row 2: found no _id; .*Fill or remove"),
        (passages(("", "", "x")), r"corpus, row 1: found an empty _id; .*Give the row an id"),
        (passages(("a\tb", "", "x")), r"corpus, row 1: found the _id 'a\\tb', which holds a tab.*Rename it"),
        (passages(("a", "t", None)), r"corpus, row 1: found no text; expected a value of text\."),
        (
            passages(("a", " ", "\u00a0\n")),
            r"corpus, row 1: found an empty passage; expected words in title or",
        ),
        (
            passages(("a", "", "x"), ("b", "", "x"), ("b", "", "y"), ("b", "", "z")),
            r"corpus, row 3: found the _id 'b', which corpus, row 2 has \(and 1 more rows like it\); "
            r"expected each id once\. Rename or remove",
        ),
    ],
)
def test_passages_that_break_a_rule_are_named(sheet, message):
    with pytest.raises(CollectionError, match=message):
        check_passages(sheet)


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (queries(("a", "x"), ("a", "y")), r"queries, row 2: found the _id 'a', which queries, row 1 has"),
        (
            queries(("a", "x"), ("b", " ")),
            r"queries, row 2: found an empty query; expected words in text\. Fill",
        ),
        (queries(("a", None)), r"queries, row 1: found no text"),
    ],
)
def test_queries_that_break_a_rule_are_named(sheet, message):
    with pytest.raises(CollectionError, match=message):
        check_queries(sheet)


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (judgements(("q", "p", 1), ("q", None, 1)), r"test\.tsv, line 3: found no corpus-id"),
        (judgements(("q", "p", -1)), r"test\.tsv, line 2: found the grade -1; .* from 0 to 32767\. Write 0"),
        (judgements(("q", "p", 32_768)), r"test\.tsv, line 2: found the grade 32768"),
        (
            judgements(("q", "p", 1), ("q", "r", 2), ("q", "p", 2)),
            r"test\.tsv, line 4: found a second grade, 2, for the query-id 'q' and the corpus-id 'p'; .*Rem",
        ),
    ],
)
def test_judgements_that_break_a_rule_are_named(sheet, message):
    with pytest.raises(CollectionError, match=message):
        check_judgements(sheet)


def test_a_query_in_two_splits_is_named_with_both_files():
    train = judgements(("q1", "p", 1), ("q2", "p", 1), place="train.tsv")
    test = judgements(("q3", "p", 1), ("q2", "r", 1))
    message = r"test\.tsv, line 3: found the query-id 'q2', also judged in train\.tsv; expected .*one split"
    with pytest.raises(CollectionError, match=message):
        check_apart({"train": train, "test": test})


@pytest.mark.parametrize(
    ("row", "name"), [(("q9", "p", 1), "query-id 'q9'"), (("q", "p9", 1), "corpus-id 'p9'")]
)
def test_a_judgement_of_something_unknown_is_named_and_marked(row, name):
    sheet = judgements(("q", "p", 1), row)
    collection = Collection(passages(("p", "", "x")), queries(("q", "x")), {"test": sheet})
    assert known_rows(collection, "test").tolist() == [True, False]
    with pytest.raises(
        CollectionError, match=rf"test\.tsv, line 3: found the {name}; .*unknown_ids = \"drop\""
    ):
        refuse_unknown(collection, "test")
