import numpy as np
import polars as pl
import pytest

from models.cluster_lessons import asks_of
from models.clustering.prefix_tree import IGNORED
from models.coarse_course import Ground, begin, index, query_model, truth_of
from models.encoders.sentence_model import open_model
from models.retrievers.dense import DenseRetriever
from models.student import Shelf
from models.students.gdr import GdrConfig

SMALL = {"layers": 1, "adaptor_layers": 1, "rank": 4}


@pytest.fixture
def config(tiny_backbone):
    return GdrConfig(name="g", backbone=str(tiny_backbone), spans=None, decoder=SMALL)


@pytest.fixture
def ground(make_lesson, config):
    return Ground.of(make_lesson(), config)


def test_the_ground_is_by_pid_whatever_the_order_of_the_tables(make_lesson, config, ground, tiny_clusters):
    tables = {name: tiny_clusters[name][::-1] for name in ("embeddings", "clusters")}
    other = Ground.of(make_lesson(**tables), config)
    assert other.vectors.tolist() == ground.vectors.tolist()
    assert other.paths.tolist() == ground.paths.tolist()


def test_where_no_clusters_are_asked_for_there_are_none(make_lesson, config):
    alone = config.model_copy(update={"dense_only": True, "negatives": "bm25"})
    assert Ground.of(make_lesson(clusters=None), alone).prefixes() is None


def test_targets_are_the_answers_paths_and_their_end(make_lesson, ground):
    asks = asks_of(make_lesson(), generated_share=1.0, spans=None, miner=None)
    tree = ground.prefixes()
    truth = truth_of(ground, tree, asks)
    for path, target in zip(ground.paths.tolist(), truth.paths.tolist(), strict=True):
        digits = [digit for digit in path if digit >= 0]
        assert target == [*digits, tree.end] + [IGNORED] * (tree.max_tokens - len(digits) - 1)


def test_a_cut_backbone_has_its_layers_and_no_decoder(config, tiny_backbone):
    cut = config.model_copy(update={"layers": (1,)})
    model = query_model(cut, open_model(tiny_backbone))
    assert model.queries.transformers_model.config.num_hidden_layers == 1
    assert model.decoder is None


def test_the_decoder_fits_the_tree_and_the_encoder(config, ground, make_lesson):
    model = begin(config, config.build(0).model, ground, make_lesson())
    assert model.decoder.used.tolist() == ground.prefixes().used().tolist()
    assert model.decoder.shape.width == 32


def test_vectors_of_any_length_are_compared_as_unit_vectors(
    config, tiny_collection, tiny_vectors, tiny_backbone
):
    model = query_model(config, open_model(tiny_backbone))
    longer = tiny_vectors * np.arange(1, 13, dtype=np.float32)[:, None]
    found = []
    for vectors in (tiny_vectors, longer):
        retriever = index(config, model, None, Shelf(tiny_collection["passages"], vectors), 0.0)
        assert isinstance(retriever, DenseRetriever)
        found.append(retriever.search(retriever.encode(["yellow metal"]), 12))
    assert found[0].rows.tolist() == found[1].rows.tolist()
    np.testing.assert_allclose(found[0].scores, found[1].scores, rtol=1e-5)


def test_passages_of_the_tables_and_of_the_ground_are_in_one_order(make_lesson, ground, tiny_clusters):
    named = tiny_clusters["embeddings"].sort("pid")
    assert ground.vectors.tolist() == named["vector"].to_list()
    assert make_lesson().passages.collect()["pid"].sort().to_list() == named["pid"].to_list()
    assert pl.Series(named["pid"]).is_sorted()
