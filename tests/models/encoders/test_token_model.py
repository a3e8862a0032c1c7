import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers.base.modules import Dense

from data.errors import InputError
from models.encoders.token_model import (
    cut_copy,
    fit_projection,
    open_token_model,
    principal_directions,
    start_token_model,
)

QUERIES, PASSAGES = ["yellow metal", "grey metal"], ["gold is a yellow metal.", "iron rusts", "bach lived"]


@pytest.fixture
def start(tiny_backbone):
    def made(layers=None, width=16, query_max_tokens=8, skip_punctuation=True):
        return start_token_model(
            tiny_backbone,
            layers,
            width,
            query_max_tokens=query_max_tokens,
            passage_max_tokens=20,
            skip_punctuation=skip_punctuation,
        )

    return made


@given(st.integers(0, 99), st.integers(1, 5))
def test_no_other_directions_keep_more_of_the_inner_products(seed, width):
    vectors = torch.randn(30, 5, generator=torch.Generator().manual_seed(seed)) + 1
    units = torch.nn.functional.normalize(vectors, dim=-1)
    found = principal_directions(vectors, width)
    assert torch.allclose(found @ found.T, torch.eye(width), atol=1e-5)
    other = torch.linalg.qr(torch.randn(5, width, generator=torch.Generator().manual_seed(seed + 1)))[0].T
    products = units @ units.T
    lost = [((products - (units @ each.T) @ (units @ each.T).T) ** 2).sum() for each in (found, other)]
    assert lost[0] <= lost[1] + 1e-4


def test_directions_of_what_is_no_matrix_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        principal_directions(torch.zeros(3), 1)


def test_tokens_are_unit_vectors_of_the_width(start):
    for width, expected in ((16, 16), (None, 32)):
        (vectors,) = start(width=width).encode_document(["gold"])
        assert vectors.shape == (3, expected)
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(3), atol=1e-5)


def test_a_query_is_padded_with_masks_that_are_scored_and_not_attended_to(start):
    model = start()
    features = model.preprocess(["gold"], task="query")
    mask = model.tokenizer.mask_token_id
    assert (features["input_ids"][0, 3:] == mask).all()
    assert features["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]
    assert model(dict(features), task="query")["attention_mask"].all()
    # what is not attended to does not change what it pads
    (padded,), (less,) = model.encode_query(["gold"]), start(query_max_tokens=4).encode_query(["gold"])
    assert torch.allclose(padded[:4], less, atol=1e-6)


@pytest.mark.parametrize(("skip", "tokens"), [(True, 4), (False, 5)])
def test_punctuation_is_scored_or_not(start, skip, tokens):
    model = start(skip_punctuation=skip)
    assert len(model.encode_document(["gold rusts ."])[0]) == tokens
    assert len(model.encode_query(["gold rusts ."])[0]) == 8  # in queries it always is


def test_a_fitted_projection_scores_nearly_as_no_projection(start):
    fitted, drawn, whole = start(width=8), start(width=8), start(width=None)
    fit_projection(fitted, QUERIES, PASSAGES)
    tokens = [torch.cat(model.encode_document(PASSAGES)) for model in (fitted, drawn, whole)]
    products = [each @ each.T for each in tokens]
    errors = [(each - products[2]).square().mean().item() for each in products[:2]]
    assert errors[0] < 0.5 * errors[1]


def test_without_a_projection_nothing_is_fitted(start):
    model = start(width=None)
    before = [each.clone() for each in model.parameters()]
    fit_projection(model, QUERIES, PASSAGES)
    assert all(map(torch.equal, before, model.parameters()))


def test_a_copy_that_keeps_all_layers_scores_as_the_model(start):
    model = start()
    copied = cut_copy(model, None, 8, 20)
    assert torch.equal(copied.encode_query(QUERIES)[0], model.encode_query(QUERIES)[0])
    assert copied is not model


def test_a_cut_copy_has_the_weights_of_the_layers_that_it_keeps(start):
    model = start()
    copied = cut_copy(model, (1,), 5, 20)
    assert len(copied.encode_query(QUERIES)[0]) == 5
    assert len(model.transformers_model.encoder.layer) == 2
    kept, whole = copied.transformers_model.encoder.layer, model.transformers_model.encoder.layer
    assert torch.equal(kept[0].output.dense.weight, whole[1].output.dense.weight)
    projections = [next(each for each in one if isinstance(each, Dense)) for one in (copied, model)]
    assert torch.equal(*(each.linear.weight for each in projections))


def test_a_width_above_the_backbones_is_refused(start):
    with pytest.raises(InputError, match="found 33; expected at most 32"):
        start(width=33)


def test_a_layer_that_is_not_there_is_refused(start):
    with pytest.raises(InputError, match="the model has 2 layers"):
        start(layers=(0, 5))


def test_a_saved_model_opens_as_it_was(start, tmp_path):
    model = start(layers=(0,))
    model.save(str(tmp_path / "model"), create_model_card=False)
    opened = open_token_model(tmp_path / "model")
    assert np.array_equal(opened.encode_query(QUERIES)[0].numpy(), model.encode_query(QUERIES)[0].numpy())
    assert np.array_equal(
        opened.encode_document(PASSAGES)[0].numpy(), model.encode_document(PASSAGES)[0].numpy()
    )
