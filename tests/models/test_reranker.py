import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data import tables
from data.schemas import RUN
from models.reranker import rerank

QIDS, PIDS = ["q2", "q1"], ["p3", "p1", "p2"]


class Table:
    """A teacher that knows its logits by heart."""

    def __init__(self, logits):
        self.logits = np.float32(logits)

    def score(self, query_rows, passage_rows):
        return self.logits[query_rows, passage_rows]

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


def pairs(*rows):
    return pa.table({"qid": [qid for qid, _ in rows], "pid": [pid for _, pid in rows]})


def test_reranking_worked_by_hand():
    # Rows are q2, q1; columns p3, p1, p2. For q1 p1 and p2 tie at 5, so pid decides.
    teacher = Table([[1, 2, 3], [4, 5, 5]])
    found = rerank(teacher, pairs(("q1", "p2"), ("q1", "p3"), ("q1", "p1"), ("q2", "p3")), QIDS, PIDS)
    tables.check(found, RUN)
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("q1", "p1", 1, 5.0),
        ("q1", "p2", 2, 5.0),
        ("q1", "p3", 3, 4.0),
        ("q2", "p3", 1, 1.0),
    ]


@given(
    chosen=st.lists(st.tuples(st.sampled_from(QIDS), st.sampled_from(PIDS)), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
def test_neither_order_nor_repetition_of_the_pairs_matters(chosen, seed):
    teacher = Table(np.random.default_rng(seed).integers(0, 3, (2, 3)))
    expected = rerank(teacher, pairs(*sorted(set(chosen))), QIDS, PIDS)
    assert rerank(teacher, pairs(*chosen), QIDS, PIDS).equals(expected)
