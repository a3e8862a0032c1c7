import numpy as np
import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from models.known_pairs import Knowledge, known_pairs, knows

QIDS, PIDS = ["q1", "q2"], ["p1", "p2", "p3"]
ALL = [(qid, pid) for qid in QIDS for pid in PIDS]


class All:
    """A teacher that scores whatever it is asked."""

    def score(self, query_rows, passage_rows):
        return np.zeros(len(query_rows), np.float32)

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


class Some(All):
    """A teacher of some pairs."""

    def __init__(self, pairs):
        self.pairs = pairs

    def knows(self, query_rows, passage_rows):
        rows = zip(query_rows, passage_rows, strict=True)
        return np.array([(QIDS[query], PIDS[passage]) in self.pairs for query, passage in rows], dtype=bool)


def table(pairs):
    frame = pl.DataFrame(list(pairs), {"qid": pl.String, "pid": pl.String}, orient="row")
    return frame.to_arrow().cast(pa.schema({"qid": pa.string(), "pid": pa.string()}))


@given(st.sets(st.sampled_from(ALL)), st.sets(st.sampled_from(ALL)))
def test_pairs_are_known_or_missing_and_nothing_is_added(asked, has):
    found = known_pairs(Some(has), table(sorted(asked)), QIDS, PIDS)
    known = {(row["qid"], row["pid"]) for row in found.known.to_pylist()}
    assert known == asked & has
    assert found.missing == len(asked - has)
    assert found.is_none == (bool(asked) and not known)
    assert found.silent == len({qid for qid, _ in asked} - {qid for qid, _ in known})
    assert bool(found.refusal("kl/0", "theirs")) == bool(found.remark("theirs")) == bool(asked - has)


def test_a_teacher_that_says_nothing_of_it_knows_every_pair():
    rows = np.array([0, 1])
    assert knows(All(), rows, rows).tolist() == [True, True]
    assert known_pairs(All(), table(ALL), QIDS, PIDS).missing == 0


def test_a_pair_that_is_named_twice_counts_once():
    found = known_pairs(Some({("q1", "p1")}), table([("q1", "p1"), ("q1", "p1"), ("q2", "p1")]), QIDS, PIDS)
    assert (found.pairs, found.known.num_rows, found.missing, found.silent) == (2, 1, 1, 1)


def test_what_is_unknown_is_said():
    nothing = Knowledge(table([]), pairs=1200, queries=3, silent=3)
    assert nothing.remark("teacher:theirs") == (
        "teacher:theirs is not listed: it knows none of the 1,200 pairs that it would rank."
    )
    some = Knowledge(table(ALL[:2]), pairs=3, queries=1, silent=0)
    assert some.remark("teacher:theirs") == "teacher:theirs knows 2 of 3 pairs and ranks these alone."
