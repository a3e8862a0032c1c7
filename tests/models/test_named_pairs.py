import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.named_pairs import NamedPairs

QIDS, PIDS = ["q1", "q2", "q3"], ["a", "b", "c", "d"]


class Product:
    """Scores a pair by its rows."""

    def score(self, query_rows, passage_rows):
        return (10 * query_rows + passage_rows).astype(np.float32)

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


@given(st.lists(st.tuples(st.sampled_from(QIDS), st.sampled_from(PIDS))))
def test_every_pair_gets_its_own_score_in_the_order_asked(pairs):
    frame = pl.DataFrame(pairs, schema={"qid": pl.String, "pid": pl.String}, orient="row")
    scores = NamedPairs(QIDS, PIDS).scores(Product(), frame)
    assert scores.to_list() == [10 * QIDS.index(qid) + PIDS.index(pid) for qid, pid in pairs]
