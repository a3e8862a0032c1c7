import numpy as np
import pytest

from data.errors import ConfigError
from models.teacher import Teacher
from models.teachers.generative import GenerativeTeacher

QUERIES = ["yellow metal", "where does the rhine rise"]


@pytest.fixture(scope="module")
def retriever(tiny_minder, tiny_identifiers):
    from models.generative import Generative

    return Generative.load(tiny_minder.folder).retriever(tiny_identifiers)


@pytest.fixture
def teacher(retriever, tiny_collection):
    return GenerativeTeacher(retriever, QUERIES, tiny_collection["passages"]["text"].to_pylist())


def test_pairs_score_as_in_retrieval(teacher, retriever):
    assert isinstance(teacher, Teacher)
    hits = retriever.search(retriever.encode(QUERIES), 3)
    pairs = [(query, row) for query in (1, 0) for row in hits.rows[query] if row >= 0]
    scores = teacher.score(*(np.array(each, dtype=np.int64) for each in zip(*pairs, strict=True)))
    expected = [hits.scores[query][hits.rows[query] == row][0] for query, row in pairs]
    assert scores == pytest.approx(np.array(expected), rel=1e-3)


def test_a_pair_asked_twice_scores_the_same(teacher):
    twice = teacher.score(np.array([0, 0, 0]), np.array([5, 2, 5]))
    assert twice[0] == twice[2]


def test_fewer_passages_than_the_index_has_are_refused(retriever):
    with pytest.raises(ConfigError, match="index of identifiers: found 12 passages"):
        GenerativeTeacher(retriever, QUERIES, ["gold"])
