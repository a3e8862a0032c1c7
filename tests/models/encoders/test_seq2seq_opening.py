import pytest
import torch

from data.errors import ConfigError, InputError
from models.encoders.seq2seq_opening import open_seq2seq


def test_a_warm_decoder_is_the_encoders_last_layers(tiny_backbone):
    model = open_seq2seq(tiny_backbone, max_tokens=16, decoder_layers=1, decoder="warm").model
    theirs, own = (side.encoder.layer[-1] for side in (model.encoder, model.decoder.base_model))
    for name, weights in theirs.state_dict().items():
        assert torch.equal(own.state_dict()[name], weights)
    for name, weights in theirs.attention.state_dict().items():
        assert torch.equal(own.crossattention.state_dict()[name], weights)
    assert torch.equal(model.decoder.cls.predictions.transform.dense.weight, torch.eye(32))


def test_a_fresh_decoder_has_only_words_of_the_encoder(tiny_backbone):
    model = open_seq2seq(tiny_backbone, max_tokens=16, decoder_layers=2, decoder="fresh").model
    theirs, own = (side.encoder.layer[-1] for side in (model.encoder, model.decoder.base_model))
    assert not torch.equal(theirs.output.dense.weight, own.output.dense.weight)
    assert len(model.decoder.base_model.encoder.layer) == 2


@pytest.mark.parametrize("start", ["warm", "fresh"])
def test_words_are_one_parameter(tiny_backbone, start):
    model = open_seq2seq(tiny_backbone, max_tokens=16, decoder=start).model
    words = model.encoder.get_input_embeddings().weight
    assert model.decoder.get_input_embeddings().weight is words
    assert model.decoder.get_output_embeddings().weight is words


def weights(folder, start, seed):
    model = open_seq2seq(folder, max_tokens=9, decoder=start, seed=seed).model
    return torch.cat([each.flatten() for each in model.parameters()])


def test_the_seed_decides_what_starts_from_nothing(tiny_backbone):
    one, same, other = (weights(tiny_backbone, "fresh", seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_warm_decoder_starts_the_same_for_every_seed(tiny_backbone):
    assert torch.equal(*(weights(tiny_backbone, "warm", seed) for seed in (0, 1)))


def test_layers_of_the_encoder_are_cut(tiny_backbone):
    model = open_seq2seq(tiny_backbone, max_tokens=16, layers=(1,), decoder_layers=1).model
    assert model.config.encoder.num_hidden_layers == len(model.encoder.encoder.layer) == 1


def test_a_layer_that_is_not_there_is_refused(tiny_backbone):
    with pytest.raises(InputError, match=r"layers: found \[5\]"):
        open_seq2seq(tiny_backbone, max_tokens=16, layers=(5,))


def test_layers_of_what_writes_already_are_refused(tiny_backbone, tmp_path):
    open_seq2seq(tiny_backbone, max_tokens=16).save(tmp_path)
    with pytest.raises(ConfigError, match=r"found layers \[0\] of a model that writes already"):
        open_seq2seq(tmp_path, max_tokens=16, layers=(0,))


def test_an_encoder_of_another_kind_is_refused(tiny_backbone, tmp_path):
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

    config = DistilBertConfig(vocab_size=80, dim=16, n_layers=1, n_heads=2, hidden_dim=16)
    DistilBertModel(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="DistilBertModel, whose layers no decoder can be made of"):
        open_seq2seq(tmp_path, max_tokens=16)
