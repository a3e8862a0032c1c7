import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from models.encoders.text_encoder import EncoderConfig
from models.teachers import dual_encoder
from models.teachers.dual_encoder import DualEncoderConfig, DualEncoderTeacher, LazyVectors
from models.texts import passage_texts


class Counting:
    """Encodes a text as its length and remembers what it was asked for."""

    width = 1

    def __init__(self):
        self.asked = []

    def encode_queries(self, texts):
        self.asked += texts
        return np.float32([[len(text)] for text in texts])

    encode_passages = encode_queries


@pytest.fixture(autouse=True)
def _two_neighbours(monkeypatch):
    monkeypatch.setattr(dual_encoder, "NEIGHBOURS", 2)


def test_each_text_is_encoded_once_however_often_it_is_asked_for():
    encoder = Counting()
    teacher = DualEncoderTeacher(encoder, ["a", "bb"], ["ccc", "dddd", "never"])
    # |a| · |ccc| = 3, |bb| · |dddd| = 8, |a| · |dddd| = 4
    assert teacher.score(np.array([0, 1]), np.array([0, 1])).tolist() == [3.0, 8.0]
    assert teacher.score(np.array([0, 0]), np.array([1, 1])).tolist() == [4.0, 4.0]
    assert sorted(encoder.asked) == ["a", "bb", "ccc", "dddd"]


def test_vectors_that_nobody_asked_for_are_not_made():
    encoder = Counting()
    LazyVectors(["a", "bb", "c", "d", "e"], encoder.encode_queries, 1).of(np.array([3, 3]))
    assert encoder.asked == ["c", "d"]  # neighbours


def test_a_vector_does_not_depend_on_what_was_asked_before():
    batches = []

    def encode(texts):
        batches.append(texts)
        return np.float32([[len(texts)]] * len(texts))

    for asked in ([0, 4], [4], [1, 2], [0]):
        LazyVectors(["a", "bb", "c", "d", "e"], encode, 1).of(np.array(asked))
    assert {tuple(batch) for batch in batches} == {("a", "bb"), ("c", "d"), ("e",)}


@pytest.mark.reference
def test_scores_are_those_of_the_library_and_raw(tiny_backbone, tiny_collection):
    queries = tiny_collection["queries"]["text"].to_pylist()
    passages = passage_texts(tiny_collection["passages"])
    config = DualEncoderConfig(
        name="tiny", encoder=EncoderConfig(model=str(tiny_backbone), precision="float32")
    )
    rows = np.array([(q, p) for q in range(len(queries)) for p in range(len(passages))])
    found = config.load(None, queries, passages).score(*rows.T).reshape(len(queries), -1)
    model = SentenceTransformer(str(tiny_backbone), device="cpu")
    np.testing.assert_allclose(found, model.encode(queries) @ model.encode(passages).T, atol=1e-5)
