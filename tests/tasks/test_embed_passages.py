import numpy as np
import pyarrow as pa
import pytest

from data.errors import InputError
from data.schemas import PASSAGES, embeddings_schema
from data.tables import check
from models.encoders.text_encoder import EncoderConfig
from models.texts import passage_texts
from tasks import embed_passages as module
from tasks.embed_passages import EmbedConfig, embed_passages, embeddings
from tasks.stage import stage


class Lengths:
    """An encoder that anyone can check: characters and words."""

    width = 2

    def encode_passages(self, texts):
        return np.float32([[len(text), len(text.split())] for text in texts])


def embed(passages, encoder, template):
    return embeddings(passages, encoder.encode_passages(passage_texts(passages, template)))


class Wild(Lengths):
    def encode_passages(self, texts):
        return np.float32([[np.nan, 1] if "iron" in text.lower() else [1, 1] for text in texts])


@pytest.fixture
def collection(store, tiny_collection):
    @stage()
    def ingest(draft, store, config):
        draft.write(tiny_collection["passages"], PASSAGES)

    return ingest.run(store, EmbedConfig(), {})


def test_title_and_text_are_embedded_by_hand():
    passages = pa.table({"pid": ["a", "b"], "title": ["Rhine", ""], "text": ["A river.", "Gold"]})
    found = embed(passages, Lengths(), "{title} {text}")
    check(found, embeddings_schema(2))
    # "Rhine A river." has 14 characters and 3 words, "Gold" 4 and 1.
    assert found.to_pylist() == [{"pid": "a", "vector": [14, 3]}, {"pid": "b", "vector": [4, 1]}]


def test_the_template_decides_what_is_embedded():
    passages = pa.table({"pid": ["a"], "title": ["Rhine"], "text": ["A river."]})
    assert embed(passages, Lengths(), "{title}")["vector"].to_pylist() == [[5, 1]]


def test_chunks_change_no_vector(store, collection, tiny_backbone, tiny_collection, monkeypatch):
    config = EmbedConfig(encoder=EncoderConfig(model=str(tiny_backbone), precision="float32"))
    tables = []
    for chunk in (100, 5):
        monkeypatch.setattr(module, "CHUNK_PASSAGES", chunk)
        made = embed_passages.run(store, config, {"collection": collection}, force=True)
        tables.append(store.read(embeddings_schema(32), made))
        assert store.facts(made)["width"] == 32
        assert store.facts(made)["passages"] == 12
    assert tables[0]["pid"].equals(tables[1]["pid"])
    assert tables[0]["pid"].to_pylist() == tiny_collection["passages"]["pid"].to_pylist()
    whole, parts = (np.array(table["vector"].to_pylist()) for table in tables)
    np.testing.assert_allclose(whole, parts, atol=1e-5)


def test_a_vector_that_is_not_finite_names_its_passage(tiny_collection):
    message = r"passage 'iron-1': found NaN or infinity in its vector and in 1 more; expected numbers"
    with pytest.raises(InputError, match=message):
        embed(tiny_collection["passages"], Wild(), "{text}")
