import polars as pl

from data.known_answers import known_answers
from data.schemas import QRELS, QUERIES
from data.tables import from_rows


def test_answers_are_judged_above_zero_or_sources_each_once_and_of_no_other_query():
    queries = from_rows(
        [
            ("g-p3", "text", "generated", "p3", "train"),
            ("q1", "text", "human", None, "train"),
            ("q2", "text", "human", None, "dev"),
        ],
        QUERIES,
    )
    qrels = from_rows(
        [("g-p3", "p3", 1), ("q1", "p2", 1), ("q1", "p1", 0), ("q2", "p1", 3), ("q9", "p0", 3)], QRELS
    )
    found = known_answers(pl.DataFrame(queries), pl.DataFrame(qrels).lazy())
    assert found.rows() == [("g-p3", "p3"), ("q1", "p2"), ("q2", "p1")]
