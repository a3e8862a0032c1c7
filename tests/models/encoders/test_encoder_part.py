import pytest
import torch
from transformers import AutoTokenizer, BartModel, T5EncoderModel, T5ForConditionalGeneration

from models.encoders.encoder_part import match_depth, open_encoder
from models.encoders.tower import tower
from tests.models.tiny_models import bart_config, random_model, saved, t5_config

TEXTS = ["yellow metal", "where does the rhine rise"]


@pytest.fixture(scope="module")
def folders(tiny_backbone, tmp_path_factory):
    """A T5 and a BART with random weights and the tiny vocabulary."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
    made = {
        "t5": random_model(T5ForConditionalGeneration, t5_config(tokenizer, num_layers=2)),
        "bart": random_model(BartModel, bart_config(tokenizer, encoder_layers=3)),
    }
    return saved(made, tokenizer, tmp_path_factory)


def states(model, text):
    features = model.preprocess([text])
    with torch.no_grad():
        return features, model.eval()(dict(features))["token_embeddings"]


def test_of_bart_only_the_encoder_is_kept(folders):
    features, found = states(open_encoder(folders["bart"]), TEXTS[1])
    whole = BartModel.from_pretrained(folders["bart"]).eval()
    with torch.no_grad():
        wanted = whole.get_encoder()(features["input_ids"], features["attention_mask"])[0]
    torch.testing.assert_close(found, wanted)


def test_of_t5_only_the_encoder_is_kept(folders):
    features, found = states(open_encoder(folders["t5"]), TEXTS[1])
    encoder = T5EncoderModel.from_pretrained(folders["t5"]).eval()
    with torch.no_grad():
        wanted = encoder(features["input_ids"], features["attention_mask"])[0]
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_a_cut_encoder_opens_as_it_was_saved(folders, name, tmp_path):
    model = tower(open_encoder(folders[name]), (0,), "cosine", query_max_tokens=16, passage_max_tokens=16)
    match_depth(model)
    model.save(str(tmp_path / name), create_model_card=False)
    again = open_encoder(tmp_path / name)
    assert sum(each.numel() for each in again.parameters()) == sum(
        each.numel() for each in model.parameters()
    )
    torch.testing.assert_close(
        torch.tensor(again.encode(TEXTS)), torch.tensor(model.encode(TEXTS)), rtol=0, atol=0
    )


def test_an_encoder_is_opened_as_it_is(tiny_backbone):
    assert type(open_encoder(tiny_backbone)[0].model).__name__ == "BertModel"
