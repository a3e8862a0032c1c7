import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from models.encoders.text_encoder import EncoderConfig
from models.retrievers import RetrieverChoice
from models.retrievers.dense import DenseConfig, DenseRetriever
from models.retrievers.faiss_index import HnswConfig, IvfConfig

WORDS = ["rhine", "alps", "coal"]


class WordCounter:
    """An encoder that counts three words; of a query it looks at the first word only."""

    parameters = 3

    def encode_queries(self, texts):
        return self.encode_passages([text.split()[0] for text in texts])

    def encode_passages(self, texts):
        return np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=np.float32)


def test_the_passage_with_the_largest_inner_product_is_found():
    encoder = WordCounter()
    retriever = DenseRetriever(encoder, encoder.encode_passages(["rhine", "coal coal", "coal alps"]))
    hits = retriever.search(retriever.encode(["coal rhine"]), 2)
    # coal: 0, 2 and 1 times.
    assert (hits.rows.tolist(), hits.scores.tolist()) == ([[1, 2]], [[2.0, 1.0]])


def test_costs_are_those_of_the_encoder_and_of_the_index():
    encoder = WordCounter()
    retriever = DenseRetriever(encoder, encoder.encode_passages(["rhine"] * 100))
    assert retriever.parameters == 3
    # 100 · 3 · 4 bytes, and a header.
    assert 1_200 <= retriever.index_bytes < 1_300


@pytest.mark.parametrize(
    ("index", "words"),
    [
        # 100 vectors make 2 lists of at least 39, though 4 √100 = 40 are wished for.
        (IvfConfig(), "faiss ivf lists=2 probes=32 dim=3"),
        (IvfConfig(lists=1, probes=1), "faiss ivf lists=1 probes=1 dim=3"),
        (HnswConfig(), "faiss hnsw links=32 breadth=200,256 dim=3"),
    ],
)
def test_the_description_names_index_and_settings(index, words):
    encoder = WordCounter()
    assert DenseRetriever(encoder, encoder.encode_passages(["coal"] * 100), index).description == words


def test_any_encoder_can_be_named(tiny_backbone, tiny_collection):
    texts = tiny_collection["passages"]["text"].to_pylist()
    encoder = EncoderConfig(model=str(tiny_backbone), precision="float32")
    retriever = DenseConfig(encoder=encoder).build(texts)
    assert retriever.description == "faiss flat dim=32"
    # An encoder of vectors of length 1 finds every passage by its own text, with score 1.
    hits = retriever.search(retriever.encode(texts), 1)
    assert hits.rows[:, 0].tolist() == list(range(12))
    np.testing.assert_allclose(hits.scores, 1, atol=1e-5)


def test_the_union_is_told_apart_by_kind():
    read = TypeAdapter(RetrieverChoice).validate_python
    assert read({"kind": "dense", "index": {"kind": "ivf", "probes": 3}}).index == IvfConfig(probes=3)
    assert read({"kind": "bm25"}).name == "bm25"
    with pytest.raises(ValidationError, match=r"'splade'.*'bm25', 'dense'"):
        read({"kind": "splade"})
