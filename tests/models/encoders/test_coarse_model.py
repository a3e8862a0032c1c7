import numpy as np
import pytest
import torch

from models.clustering.cluster_tree import ClusterTree
from models.clustering.prefix_tree import PrefixTree
from models.encoders.coarse_model import BATCH, CoarseModel, QueryReader, new_decoder
from models.encoders.sentence_model import open_model
from models.encoders.text_encoder import Form

TREE = PrefixTree.of(
    ClusterTree(np.zeros((6, 1), np.float32), np.array([[1, 3], [0, 0], [3, 6], [0, 0], [0, 0], [0, 0]]))
)
SIZES = {"layers": 1, "adaptor_layers": 1, "rank": 4}


@pytest.fixture
def queries(tiny_backbone):
    return open_model(tiny_backbone)


def weights(model):
    return dict(model.named_parameters())


@pytest.mark.parametrize("parts", [(), ("decoder",), ("decoder", "passages")])
def test_a_folder_opens_with_the_same_weights(queries, tiny_backbone, tmp_path, parts):
    made = {
        "decoder": new_decoder(queries, TREE, SIZES, 0.1, seed=0),
        "passages": open_model(tiny_backbone),
    }
    model = CoarseModel(queries, **{name: made[name] for name in parts})
    model.save(tmp_path)
    again = CoarseModel.load(tmp_path)
    assert weights(again).keys() == weights(model).keys()
    assert all(torch.equal(each, weights(model)[name]) for name, each in weights(again).items())


def test_a_decoder_depends_on_its_seed_alone(queries):
    one, same, other = (new_decoder(queries, TREE, SIZES, 0.0, seed) for seed in (0, 0, 1))
    assert torch.equal(one.codes, same.codes)
    assert not torch.equal(one.codes, other.codes)
    assert one.shape.width == 32


def test_passages_are_no_weights_of_a_query(queries, tiny_backbone):
    decoder = new_decoder(queries, TREE, SIZES, 0.0, seed=0)
    alone = CoarseModel(queries, decoder)
    assert CoarseModel(queries, decoder, open_model(tiny_backbone)).query_parameters == alone.query_parameters
    assert alone.decoder_bytes == 4 * sum(each.numel() for each in decoder.parameters())
    assert CoarseModel(queries).decoder_bytes == 0


def test_queries_are_read_as_the_model_encodes_them(queries):
    texts = [f"{'gold ' * (place % 7)}metal" for place in range(BATCH + 5)]
    found = np.zeros((len(texts), 32), dtype=np.float32)
    for read in QueryReader(queries, Form(), "float32").read(texts):
        found[read.rows] = read.vectors
        assert read.tokens.shape[:2] == read.is_token.shape
        assert len(read.rows) <= BATCH
    np.testing.assert_allclose(found, queries.encode(texts), atol=1e-5)


def test_a_prompt_is_put_before_and_long_queries_are_cut(queries):
    reader = QueryReader(queries, Form("yellow ", 4), "float32")
    read = next(reader.read(["metal that never rusts"]))
    assert read.is_token.shape == (1, 4)
    np.testing.assert_allclose(read.vectors[0], queries.encode("yellow metal"), atol=1e-5)
