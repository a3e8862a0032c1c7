import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

from data.errors import InputError
from models.encoders.layers import cut_layers


def bert(layers=4):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=16
    )
    return BertModel(config).eval()


def test_the_named_layers_stay_in_their_order_with_their_weights():
    model = bert()
    kept = [model.encoder.layer[place].output.dense.weight.clone() for place in (0, 3)]
    cut_layers(model, (0, 3))
    assert model.config.num_hidden_layers == 2
    found = [layer.output.dense.weight for layer in model.encoder.layer]
    assert all(torch.equal(one, other) for one, other in zip(found, kept, strict=True))


def test_a_cut_model_is_saved_and_opened_as_the_same(tiny_backbone, tmp_path):
    model = SentenceTransformer(str(tiny_backbone), device="cpu")
    whole = model.encode(["where does the rhine rise"])
    cut_layers(model.transformers_model, (1,))
    cut = model.encode(["where does the rhine rise"])
    assert abs(cut - whole).max() > 1e-3
    model.save(str(tmp_path / "cut"))
    again = SentenceTransformer(str(tmp_path / "cut"), device="cpu")
    assert (again.encode(["where does the rhine rise"]) == cut).all()


def test_a_layer_that_is_not_there_is_refused_with_how_many_there_are():
    with pytest.raises(InputError, match=r"4"):
        cut_layers(bert(), (0, 4))
