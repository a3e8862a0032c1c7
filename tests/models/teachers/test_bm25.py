import numpy as np
import pytest

from models.teachers.bm25 import Bm25TeacherConfig
from models.texts import passage_texts


@pytest.fixture
def texts(tiny_collection):
    return passage_texts(tiny_collection["passages"])


def test_a_pair_scores_as_the_retriever_scores_it_in_any_order(tiny_collection, texts):
    queries = tiny_collection["queries"]["text"].to_pylist()
    config = Bm25TeacherConfig(name="lexical")
    retriever = config.retriever.build(texts)
    rows = np.array([(q, p) for q in range(len(queries)) for p in range(len(texts))])
    expected = np.concatenate([retriever.scores(tokens) for tokens in retriever.encode(queries)])
    shuffled = np.random.default_rng(0).permutation(len(rows))
    found = config.load(None, queries, texts).score(*rows[shuffled].T)
    np.testing.assert_array_equal(found, expected[shuffled])


def test_a_pair_without_a_common_word_scores_zero_and_no_pairs_score_nothing(texts):
    teacher = Bm25TeacherConfig(name="lexical").load(None, ["zebra"], texts)
    assert teacher.score(np.array([0]), np.array([0])).tolist() == [0.0]
    nothing = np.array([], dtype=np.int64)
    assert teacher.score(nothing, nothing).shape == (0,)
