from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError
from models.cluster_tuning import Exam, tune, written
from models.retriever import Hits, top_hits
from models.retrievers.coarse_to_fine import Asked, CoarseToFineRetriever

PIDS = ["gold-2", "iron-1", "other"]


class Known(CoarseToFineRetriever):
    """Stands for a retriever: the first passage is nearest, and clusters say the second or third."""

    leaves = np.array([1, 2, 2])

    def __init__(self, alpha=0.0):
        self.alpha = alpha

    def weighing(self, alpha):
        return Known(alpha)

    def encode(self, queries):
        leaves = np.array([[2, 3]] * len(queries))
        return Asked(np.zeros((len(queries), 1), np.float32), leaves, np.zeros((len(queries), 2), np.float32))

    def search(self, encoded, depth) -> Hits:
        rows = np.tile(np.arange(3), (len(encoded.vectors), 1))
        scores = np.tile(np.float32([0.5, 0.1 + self.alpha, 0.0]), (len(encoded.vectors), 1))
        return top_hits(scores, rows, depth)

    def valid_share(self, queries):
        return 0.5


@pytest.fixture
def exam(make_lesson):
    return Exam.of(make_lesson(), limit=10)


def test_the_exam_is_of_human_dev_queries_with_answers(exam, make_lesson, tiny_collection):
    assert exam.queries["qid"].to_list() == ["q05", "q06"]
    assert exam.answers.rows() == [("q05", "gold-2"), ("q06", "iron-1")]
    assert Exam.of(make_lesson(), limit=1).queries.height == 1
    qrels = pl.DataFrame(tiny_collection["qrels"]).filter(pl.col("qid") != "q05")
    assert Exam.of(make_lesson(qrels=qrels), limit=9).queries["qid"].to_list() == ["q06"]


def test_alpha_is_the_best_of_the_grid_and_of_equals_the_smallest(exam):
    # q05 wants the first passage, q06 the second. From alpha 0.4 on the second comes first: either way
    # one reciprocal rank is 1 and the other 1/2, so the smallest wins; without q05 the second decides.
    assert tune(Known(), exam, PIDS, (1.0, 0.0, 0.5), "RR@10") == (0.0, 0.75)
    alone = replace(exam, queries=exam.queries[1:], qrels=exam.qrels.slice(1))
    assert tune(Known(), alone, PIDS, (1.0, 0.0, 0.5), "RR@10") == (0.5, 1.0)


def test_without_dev_queries_alpha_must_be_given(exam):
    empty = replace(exam, queries=exam.queries.clear())
    with pytest.raises(ConfigError, match=r"no human query of the split dev.*Give alpha as a number"):
        tune(Known(), empty, PIDS, (0.0,), "RR@10")
    assert written(Known(), empty, PIDS) == {}


def test_cluster_recall_is_the_share_of_queries_with_an_answers_cluster(exam):
    # Leaves 2 and 3 are written; gold-2 lies in 1, iron-1 in 2.
    assert written(Known(), exam, PIDS) == {"cluster_recall_dev": 0.5, "valid_identifiers": 0.5}
