import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.answer_key import AnswerKey
from data.errors import SchemaError

TEXT = pl.String


def key_of(answers, judged=(), queries=(), passages=(), **options):
    return AnswerKey(
        answers=pl.LazyFrame(answers, {"qid": TEXT, "pid": TEXT, "score": pl.Float32}, orient="row"),
        passages=pl.LazyFrame(passages, dict.fromkeys(("pid", "title", "text"), TEXT), orient="row"),
        queries=pl.LazyFrame(queries, dict.fromkeys(("qid", "text", "source_pid"), TEXT), orient="row"),
        qrels=pl.LazyFrame(judged, {"qid": TEXT, "pid": TEXT, "grade": pl.Int16}, orient="row"),
        teacher="sharp",
        **options,
    )


@given(
    pairs=st.lists(st.tuples(st.text(max_size=2), st.sampled_from("abcd")), unique=True, min_size=1),
    size=st.integers(1, 5),
)
def test_blocks_are_whole_queries_in_order_and_all_answers_together(pairs, size):
    key = key_of([(*pair, 1.0) for pair in pairs], block_pairs=size)
    blocks = [block.select("qid", "pid").rows() for block in key.blocks()]
    assert [pair for block in blocks for pair in block] == sorted(pairs, key=lambda x: (x[0].encode(), x[1]))
    asked = [{qid for qid, _ in block} for block in blocks]
    assert sum(map(len, asked)) == len({qid for qid, _ in pairs})
    assert key.pairs == len(pairs)


def test_a_list_is_positives_then_the_rest_each_by_falling_score_and_pid():
    rows = [("q", pid, score) for pid, score in [("a", 1), ("b", 2), ("c", 3), ("d", 3), ("e", 0)]]
    key = key_of(rows, judged=[("q", "a", 1), ("q", "b", 2), ("q", "e", 0)], queries=[("q", "why", None)])
    (block,) = key.blocks()
    assert block["pid"].to_list() == ["b", "a", "c", "d", "e"]
    assert block["positive"].to_list() == [True, True, False, False, False]


def test_the_source_of_a_generated_query_is_its_positive():
    key = key_of([("g", "a", 1), ("g", "b", 2)], queries=[("g", "why", "a")])
    (block,) = key.split_blocks()
    assert block["pid"].to_list() == ["a", "b"]


def test_every_positive_meets_every_negative_of_its_query():
    answers = [("q", pid, score) for pid, score in [("a", 4), ("b", 3), ("c", 2), ("d", 1)]]
    judged = [("q", "a", 1), ("q", "b", 1), ("r", "a", 1)]
    key = key_of([*answers, ("r", "a", 1)], judged=judged)
    ((duels, held),) = key.duels()
    assert duels.select("pid", "pid_negative", "score", "score_negative").rows() == [
        ("a", "c", 4, 2),
        ("a", "d", 4, 1),
        ("b", "c", 3, 2),
        ("b", "d", 3, 1),
    ]
    # r has a positive only.
    assert held == 4


def test_only_named_texts_are_held_and_titles_join_them():
    key = key_of([("q", "a", 1)], queries=[("q", "why", None), ("r", "who", None)], passages=[("a", "", "x")])
    assert key.named_queries.rows() == [("q", "why")]
    assert key.named_passages.rows() == [("a", "", "x", "x")]


def test_an_answer_about_a_passage_that_is_not_there_is_refused():
    key = key_of([("q", "a", 1), ("q", "b", 1)], passages=[("a", "", "x")])
    with pytest.raises(SchemaError, match=r"found 1 of 2 values of pid without a text, such as 'b'"):
        _ = key.named_passages
