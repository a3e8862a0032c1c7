from itertools import count

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data import tables
from data.schemas import RUN
from data.tables import from_rows
from models.retriever import Hits, top_hits
from models.runs import FEWEST, best, latency_ms, retrieve, run_of_hits

PIDS = [f"p{number}" for number in range(8)]


class WordOverlap:
    """Scores a passage by the number of words it shares with the query."""

    index_bytes, parameters = 0, 0

    def __init__(self, passages):
        self.passages = [set(text.split()) for text in passages]
        self.batches = []

    def encode(self, queries):
        self.batches.append(len(queries))
        return [set(text.split()) for text in queries]

    def search(self, encoded, depth):
        scores = np.float32([[len(query & passage) for passage in self.passages] for query in encoded])
        rows = np.broadcast_to(np.arange(len(self.passages)), scores.shape)
        return top_hits(scores, np.where(scores > 0, rows, -1), depth)


def queries(*texts):
    return pa.table({"qid": [f"q{number}" for number in range(len(texts))], "text": list(texts)})


@given(
    scores=st.lists(st.lists(st.integers(0, 3), min_size=8, max_size=8), min_size=1, max_size=4),
    depth=st.integers(1, 8),
    drop_self=st.booleans(),
)
def test_a_run_is_ordered_by_score_then_pid_and_numbered_from_one(scores, depth, drop_self):
    qids = PIDS[: len(scores)]  # so that some query is a passage
    hits = top_hits(np.float32(scores), np.tile(np.arange(8), (len(scores), 1)), 8)
    found = best(run_of_hits(hits, qids, PIDS), depth, drop_self)
    tables.check(found, RUN)
    for number, qid in enumerate(qids):
        ranked = sorted(zip(scores[number], PIDS, strict=True), key=lambda pair: (-pair[0], pair[1]))
        expected = [pid for _, pid in ranked if not (drop_self and pid == qid)][:depth]
        rows = [row for row in found.to_pylist() if row["qid"] == qid]
        assert [row["pid"] for row in rows] == expected
        assert [row["rank"] for row in rows] == list(range(1, len(expected) + 1))


def test_empty_places_are_left_out():
    hits = Hits(np.array([[2, -1], [-1, -1]]), np.float32([[0.5, -np.inf], [-np.inf, -np.inf]]))
    assert run_of_hits(hits, ["q1", "q2"], PIDS).to_pylist() == [
        {"qid": "q1", "pid": "p2", "rank": 1, "score": 0.5}
    ]


@given(batch=st.integers(1, 5))
def test_batches_of_any_size_give_the_same_run(batch):
    retriever = WordOverlap(["a b", "b c", "c d"])
    found = retrieve(retriever, queries("a b", "c", "x", "b d"), ["p1", "p2", "p3"], 2, batch)
    expected = [
        ("q0", "p1", 1, 2.0),
        ("q0", "p2", 2, 1.0),
        ("q1", "p2", 1, 1.0),
        ("q1", "p3", 2, 1.0),
        ("q3", "p1", 1, 1.0),
        ("q3", "p2", 2, 1.0),
    ]
    assert found.equals(from_rows(expected, RUN))
    assert max(retriever.batches) <= batch


def test_latency_is_the_median_over_single_queries_in_milliseconds(monkeypatch):
    # Clock readings of three queries: start, encoded, found. The first warms up and is not counted:
    # encode 1 s, 3 s -> median 2 s; search 10 s, 30 s -> median 20 s.
    clock = iter([0, 900, 1800, 0, 1, 11, 0, 3, 33])
    monkeypatch.setattr("models.runs.time.perf_counter", lambda: next(clock))
    retriever = WordOverlap(["a"])
    assert latency_ms(retriever, ["a", "b"], 1) == {"encode_ms": 2000.0, "search_ms": 20000.0}
    assert retriever.batches == [1, 1, 1]


def test_a_slow_system_is_timed_on_fewer_queries(monkeypatch):
    seconds = count()  # one for encoding, one for searching
    monkeypatch.setattr("models.runs.time.perf_counter", lambda: next(seconds))
    retriever = WordOverlap(["a"])
    latency_ms(retriever, ["a"] * 100, 1)
    assert len(retriever.batches) == 1 + FEWEST  # the first warms up
