import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize

from data.errors import InputError
from models.encoders.tower import tower, widened

LENGTHS = {"query_max_tokens": 4, "passage_max_tokens": 8}


@pytest.fixture
def model(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu")


def test_a_tower_is_a_copy_with_fewer_layers(model):
    found = tower(model, (1,), "cosine", **LENGTHS)
    assert found.transformers_model.config.num_hidden_layers == 1
    assert model.transformers_model.config.num_hidden_layers == 2
    kept, all_layers = found.transformers_model.encoder.layer, model.transformers_model.encoder.layer
    weights = [each[place].attention.self.query.weight for each, place in ((kept, 0), (all_layers, 1))]
    assert torch.equal(*weights)
    assert weights[0] is not weights[1]


@pytest.mark.parametrize(("similarity", "is_unit"), [("cosine", True), ("dot", False)])
def test_only_a_cosine_makes_unit_vectors(similarity, is_unit, model):
    found = tower(model, None, similarity, **LENGTHS)
    assert (abs(float((found.encode(["gold"])[0] ** 2).sum()) - 1) < 1e-5) == is_unit
    assert found.similarity_fn_name == similarity


def test_texts_are_cut_at_the_length_of_their_kind(model):
    found, text = tower(model, None, "cosine", **LENGTHS), ["gold is a yellow metal that never rusts ."]
    lengths = [found.preprocess(text, task=task)["input_ids"].shape[1] for task in ("query", "document")]
    assert lengths == [4, 8]


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_a_wider_vector_is_a_linear_layer_before_the_end(similarity, model):
    found = widened(tower(model, None, similarity, **LENGTHS), 48, seed=1)
    assert found.get_embedding_dimension() == 48
    assert found.encode(["gold"]).shape == (1, 48)
    assert isinstance(found[2], Dense)
    assert isinstance(found[-1], Normalize) == (similarity == "cosine")


def test_the_new_layer_depends_on_its_seed_alone(model):
    plain = tower(model, None, "cosine", **LENGTHS)
    torch.rand(3)
    first, again, other = (widened(plain, 48, seed)[2].linear.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("width", [None, 32])
def test_a_model_of_the_wanted_width_stays_as_it_is(width, model):
    assert widened(model, width, seed=0) is model


def test_a_layer_that_is_not_there_is_refused(model):
    with pytest.raises(InputError, match="the model has 2 layers"):
        tower(model, (2,), "cosine", **LENGTHS)
