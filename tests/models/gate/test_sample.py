import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data.schemas import PASSAGES, QUERIES
from data.tables import from_rows
from models.gate.limits import GateConfig
from models.gate.sample import asked, draw, judged_dev, with_texts

QUESTIONS = pl.DataFrame(
    from_rows(
        [
            ("d1", "one", "human", None, "dev"),
            ("d2", "two", "human", None, "dev"),
            ("d3", "three", "human", None, "dev"),
            ("t1", "four", "human", None, "train"),
        ],
        QUERIES,
    )
)
JUDGED = pl.LazyFrame(
    {"qid": ["d1", "d1", "d2", "t1"], "pid": ["p1", "p2", "p1", "p1"], "grade": [2, 0, 0, 1]},
    schema_overrides={"grade": pl.Int16},
)


def answers_of(*qids):
    return pl.LazyFrame({"qid": list(qids), "pid": "p1", "score": 1.0})


def test_a_dev_query_counts_if_it_has_a_positive_and_brings_all_its_judgements():
    # d2 is judged but has no positive, d3 is not judged, t1 is of another split.
    assert judged_dev(QUESTIONS, JUDGED, GateConfig()).rows() == [("d1", "p1", 2), ("d1", "p2", 0)]


def test_answers_are_those_of_the_dev_queries_and_of_some_others():
    key = answers_of("d1", "a", "b", "c")
    found = asked(key, ["d1"], GateConfig(other_queries=2))["qid"].to_list()
    assert "d1" in found
    assert len(found) == 3
    assert asked(key, ["d1"], GateConfig(other_queries=0))["qid"].to_list() == ["d1"]
    assert asked(key, [], GateConfig())["qid"].to_list() == ["a", "b", "c", "d1"]


@given(st.sets(st.text("abc", min_size=1)), st.integers(0, 5), st.integers(0, 3))
def test_what_is_drawn_is_some_of_what_there_is_once_each_in_its_order(names, count, seed):
    found = draw(sorted(names), count, seed)
    assert found == sorted(set(found) & names)
    assert len(found) == min(count, len(names))
    assert found == draw(sorted(names), count, seed)


def test_another_seed_draws_others():
    names = [f"q{n:03}" for n in range(100)]
    assert draw(names, 10, 0) != draw(names, 10, 1)


def test_texts_are_as_the_teacher_reads_them():
    passages = from_rows([("p1", "Rhine", "rises"), ("p2", "", "never asked about")], PASSAGES)
    pairs = answers_of("d2").collect()
    (row,) = with_texts(pairs, QUESTIONS, passages, "{title}: {text}").to_dicts()
    assert row == {"qid": "d2", "pid": "p1", "score": 1.0, "query": "two", "passage": "Rhine: rises"}
