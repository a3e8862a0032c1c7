import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.false_negatives.sorting import sort_out

TEXTS = {"p1": "x", "p2": "y", "p3": " x", "p4": "z", "p5": "w", "p6": "y "}
PASSAGES = pl.LazyFrame({"pid": list(TEXTS), "title": ["T"] * len(TEXTS), "text": list(TEXTS.values())})
PAIRS = st.tuples(st.sampled_from("abc"), st.sampled_from(list(TEXTS)))
SETS = st.lists(PAIRS, unique=True)
DECIDED = st.lists(st.tuples(PAIRS, st.sampled_from(["drop", "relabel"])), unique=True)


def table(pairs):
    return pl.DataFrame(pairs, schema={"qid": pl.String, "pid": pl.String}, orient="row")


def sort(mined, known, decided=()):
    rows = [(*pair, action) for pair, action in decided]
    schema = dict.fromkeys(("qid", "pid", "action"), pl.String)
    decisions = pl.LazyFrame(rows, schema=schema, orient="row")
    return sort_out(table(mined), table(known), PASSAGES, decisions)


@given(mined=SETS, known=SETS, decided=DECIDED)
def test_every_mined_pair_is_sorted_once_as_a_plain_loop_would(mined, known, decided):
    found = sort(mined, known, decided)
    rivals = {pair for pair in mined if pair not in known and pair[0] in {qid for qid, _ in known}}
    relabelled = {pair for pair, action in decided if action == "relabel"} & rivals
    positives = set(known) | relabelled
    answered = {(qid, TEXTS[pid].strip()) for qid, pid in positives}
    open_to = rivals - {pair for pair, _ in decided}
    negatives = {(qid, pid) for qid, pid in open_to if (qid, TEXTS[pid].strip()) not in answered}
    assert found.positives.rows() == sorted(positives)
    assert sorted(found.negatives.rows()) == sorted(negatives)
    assert found.relabelled == len(relabelled)
    assert found.dropped == len(rivals) - len(relabelled) - len(negatives)


@given(mined=SETS, known=SETS)
def test_no_decisions_and_an_empty_table_are_the_same(mined, known):
    one, two = sort_out(table(mined), table(known), PASSAGES, None), sort(mined, known)
    assert one.positives.equals(two.positives)
    assert sorted(one.negatives.rows()) == sorted(two.negatives.rows())
    assert (one.dropped, one.relabelled) == (two.dropped, two.relabelled)


def test_sorting_worked_by_hand():
    # a knows p1: p3 says the same, p4 is dropped (twice), p2 is an answer too, and p6 says what p2 says.
    mined = [("a", pid) for pid in TEXTS]
    decided = [(("a", "p2"), "relabel"), (("a", "p4"), "drop"), (("a", "p4"), "drop"), (("b", "p5"), "drop")]
    found = sort(mined, [("a", "p1")], decided)
    assert found.positives.rows() == [("a", "p1"), ("a", "p2")]
    assert found.negatives.rows() == [("a", "p5")]
    assert (found.dropped, found.relabelled) == (3, 1)
