import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.collections import Collection, Sheet
from data.errors import CollectionError
from data.sources.pairs import with_pairs

NAMES = {"query": "query", "text": "answer"}


def collection():
    passages = {
        "pid": ["p1", "p2", "p3"],
        "title": ["Rhine", "", ""],
        "text": ["It rises in the Alps.", "Gold is yellow.", "gold is yellow"],
    }
    queries = {"qid": ["q1"], "text": ["Who found gold?"]}
    return Collection(
        passages=Sheet(pa.table(passages), "corpus", {"pid": "_id", "title": "title", "text": "text"}),
        queries=Sheet(pa.table(queries), "queries", {"qid": "_id", "text": "text"}),
        judgements={},
    )


def pairs(*rows):
    query, answer = zip(*rows, strict=True)
    return Sheet(pa.table({"query": query, "text": answer}), "pairs train", NAMES)


def train_of(made):
    texts = dict(zip(*(made.queries.table[name].to_pylist() for name in ("qid", "text")), strict=True))
    return [
        (texts[row["qid"]], row["pid"], row["grade"]) for row in made.judgements["train"].table.to_pylist()
    ]


def test_an_answer_is_matched_by_its_letters_with_or_without_title():
    made = with_pairs(
        collection(),
        pairs(
            ("source of the rhine", "Rhine It rises in the Alps ."),
            ("where does it rise", "it rises, in the alps"),
            # p2 and p3 say the same: the first by pid is taken.
            ("colour of gold", "GOLD is yellow"),
            ("colour of iron", "Iron is grey."),
        ),
        "drop",
    )
    assert train_of(made) == [
        ("source of the rhine", "p1", 1),
        ("where does it rise", "p1", 1),
        ("colour of gold", "p2", 1),
    ]
    assert made.passages.table.equals(collection().passages.table)
    assert made.facts == {"pairs": 4, "pairs_of_known_queries": 0, "pairs_matched": 3, "passages_added": 0}


def test_an_answer_that_is_no_passage_can_be_added_once():
    rows = [
        ("colour of iron", "Iron is grey."),
        ("is iron grey", "Iron is grey."),
        ("gold?", "Gold is yellow."),
    ]
    made = with_pairs(collection(), pairs(*rows), "add")
    added = made.passages.table.slice(3).to_pylist()
    assert [(row["title"], row["text"]) for row in added] == [("", "Iron is grey.")]
    assert train_of(made) == [
        ("colour of iron", added[0]["pid"], 1),
        ("is iron grey", added[0]["pid"], 1),
        ("gold?", "p2", 1),
    ]
    assert made.facts["passages_added"] == 1


def test_a_question_with_two_answers_is_one_query():
    rows = [("gold", "Gold is yellow."), ("gold", "Rhine it rises in the Alps"), ("gold", "Gold is yellow.")]
    made = with_pairs(collection(), pairs(*rows), "drop")
    assert train_of(made) == [("gold", "p2", 1), ("gold", "p1", 1)]
    assert made.queries.table.num_rows == 2


def test_a_question_that_the_collection_has_is_not_trained_on():
    made = with_pairs(
        collection(), pairs(("  who found  GOLD?", "Gold is yellow."), ("x", "Gold is yellow.")), "drop"
    )
    assert train_of(made) == [("x", "p2", 1)]
    assert made.facts["pairs_of_known_queries"] == 1


@given(more=st.lists(st.sampled_from(["iron", "tin", "lead", "zinc"]), unique=True))
def test_more_pairs_leave_the_ids_of_the_others(more):
    base = [("colour of gold", "Gold is yellow."), ("colour of coal", "Coal is black.")]
    few = with_pairs(collection(), pairs(*base), "add").judgements["train"].table.to_pylist()
    all_of_them = [(f"colour of {metal}", f"{metal} is grey.") for metal in more] + base
    many = with_pairs(collection(), pairs(*all_of_them), "add").judgements["train"].table.to_pylist()
    assert many[len(more) :] == few


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("x", "y"), (" ", "y")], r"pairs train, row 2: found an empty query; expected words\. Fill"),
        ([("x", None)], r"pairs train, row 1: found an empty answer"),
        ([("x", "y")], r'pairs train: found no answer that is a passage .*Set pairs\.unmatched = "add"'),
    ],
)
def test_pairs_that_teach_nothing_are_refused(rows, message):
    with pytest.raises(CollectionError, match=message):
        with_pairs(collection(), pairs(*rows), "drop")
