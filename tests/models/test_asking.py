import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asking import ask
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.ensemble import EnsembleConfig

SCHEMA = {"qid": pl.String, "pid": pl.String, "score": pl.Float32}
PAIRS = st.sets(st.tuples(st.sampled_from(["q1", "q2", "q3"]), st.sampled_from(["a", "b", "c"])))


class Asked:
    """A teacher that gives each pair the number of pairs that it is asked about with it."""

    def __init__(self):
        self.pairs = []

    def __call__(self, pairs):
        self.pairs += pairs.rows()
        return pl.Series("score", [float(pairs.height)] * pairs.height, dtype=pl.Float32)


def table(pairs, score):
    return pl.DataFrame([(*pair, score) for pair in sorted(pairs)], schema=SCHEMA, orient="row")


@given(PAIRS, PAIRS)
def test_what_the_key_has_is_never_asked_and_all_is_answered(known, wanted):
    scorer = Asked()
    told = ask(table(wanted, 0.0).select("qid", "pid"), table(known, -1.0).lazy(), scorer, None)
    assert set(scorer.pairs) == wanted - known
    assert told.asked == len(wanted - known) == len(scorer.pairs)
    found = {(qid, pid): score for qid, pid, score in told.answers.collect().iter_rows()}
    assert set(found) == known | wanted
    assert all(found[pair] == -1.0 for pair in known)


@pytest.mark.parametrize(
    ("teacher", "asked"),
    [(None, 1), (Bm25TeacherConfig(name="words"), 1), (EnsembleConfig(name="both", members=("x", "y")), 2)],
    ids=["unknown", "alone", "ensemble"],
)
def test_an_ensemble_is_asked_about_all_of_a_query(teacher, asked):
    scorer = Asked()
    key = table({("q1", "a"), ("q2", "a")}, -1.0).lazy()
    told = ask(pl.DataFrame({"qid": ["q1"], "pid": ["b"]}), key, scorer, teacher)
    assert told.asked == 1
    scores = {(qid, pid): score for qid, pid, score in told.answers.collect().iter_rows()}
    # The scorer tells how many it was asked about; what it was not asked about keeps its -1.
    assert scores == {
        ("q1", "a"): 2.0 if asked == 2 else -1.0,
        ("q1", "b"): float(asked),
        ("q2", "a"): -1.0,
    }
