import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from data.errors import InputError
from models.encoders.term_head import missing_weights, open_term_model, start_term_model
from models.encoders.term_weights import TermWeights


def start(folder, layers=None):
    return start_term_model(folder, layers, query_max_tokens=8, passage_max_tokens=16)


@pytest.fixture
def masked_model(tiny_backbone, tmp_path):
    """A masked language model that has its head."""
    folder = tmp_path / "masked"
    torch.manual_seed(0)
    BertForMaskedLM(BertConfig.from_pretrained(tiny_backbone)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(folder)
    return folder


def test_a_head_that_is_there_is_used_as_it_is(masked_model):
    model, begun = start(masked_model)
    assert not begun
    assert missing_weights(masked_model) == frozenset()
    for name, weights in load_file(masked_model / "model.safetensors").items():
        assert torch.equal(model.transformers_model.state_dict()[name], weights), name


def test_a_head_that_is_begun_hands_states_to_the_word_embeddings(tiny_backbone):
    model, begun = start(tiny_backbone)
    assert begun
    terms, features = TermWeights(model.eval()), dict(model.preprocess(["gold is a yellow metal"]))
    transformer = model.transformers_model
    states = transformer.base_model(
        **{name: features[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    ).last_hidden_state[0]
    embeddings = transformer.get_input_embeddings().weight
    assert transformer.get_output_embeddings().weight is embeddings
    # states after a norm have the mean 0, and here the spread 1: the head only scales them
    scale = 7 / (32**0.5 * embeddings.norm(dim=1).mean())
    assert torch.allclose(terms.states(features)[0], scale * states, rtol=1e-2, atol=1e-2)
    assert torch.allclose(
        terms.highest(features)[0], (scale * states @ embeddings.T).max(dim=0).values, rtol=1e-2, atol=2e-2
    )


def test_nothing_of_a_head_is_random(tiny_backbone):
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        states.append(start(tiny_backbone)[0].state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_backbone_that_lacks_more_than_a_head_is_refused(masked_model):
    weights = load_file(masked_model / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, masked_model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        InputError,
        match=r"found no weights for bert.encoder.layer.1.output.dense.weight, \[32, 64\]; expected a masked "
        r"language model, .* Take a backbone",
    ):
        start(masked_model)


def test_layers_and_lengths_are_kept_when_a_model_is_opened_again(tiny_backbone, tmp_path):
    model, _ = start(tiny_backbone, layers=(1,))
    model.save(str(tmp_path / "model"), create_model_card=False)
    opened = open_term_model(tmp_path / "model")
    assert opened.transformers_model.config.num_hidden_layers == 1
    assert (opened[0].query_length, opened[0].document_length) == (8, 16)
    with pytest.raises(InputError, match="the model has 2 layers"):
        start(tiny_backbone, layers=(5,))
