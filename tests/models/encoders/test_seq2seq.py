import subprocess
import sys

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartForConditionalGeneration,
    T5ForConditionalGeneration,
)

from models.encoders import seq2seq
from models.encoders.seq2seq import padded
from models.encoders.seq2seq_opening import open_seq2seq
from tests.models.tiny_models import bart_config, random_model, saved, t5_config

TEXTS = ["where does the rhine rise", "gold"]
ROWS = torch.tensor([0, 1, 0, 0])
SPOKEN = range(2, 55)
WORDS = ["the rhine rises", "gold", "gold metal", "the rhine"]


@pytest.fixture(scope="session")
def checkpoints(tiny_backbone, tmp_path_factory):
    """Folders of a random T5 and a random BART with the tiny backbone's vocabulary, by name."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
    marks = {"eos_token_id": 3, "decoder_start_token_id": 2, "bos_token_id": 2}
    deeper = {"encoder_layers": 2, "decoder_layers": 2}
    made = {
        "t5": random_model(T5ForConditionalGeneration, t5_config(tokenizer, **marks)),
        "bart": random_model(BartForConditionalGeneration, bart_config(tokenizer, **marks, **deeper)),
    }
    made["bart"].final_logits_bias.normal_()
    folders = saved(made, tokenizer, tmp_path_factory)
    return folders | {"warm": tiny_backbone, "fresh": tiny_backbone}


@pytest.fixture(params=["t5", "bart", "warm", "fresh"])
def model(request, checkpoints):
    start = {"decoder": request.param} if request.param in ("warm", "fresh") else {}
    found = open_seq2seq(checkpoints[request.param], max_tokens=16, **start)
    found.model.eval()
    return found


def identifiers(model):
    return [tuple(model.tokenizer(words, add_special_tokens=False)["input_ids"]) for words in WORDS]


def one_by_one(model, text, identifier):
    """Log p of an identifier by the library's own forward pass over the whole vocabulary."""
    read = model.tokenizer(text, return_tensors="pt")
    read = {name: read[name] for name in ("input_ids", "attention_mask")}
    before = torch.tensor([[model.start, *identifier[:-1]]])
    likely = model.model(**read, decoder_input_ids=before).logits[0]
    if model.tokens is not None:
        kept = torch.full_like(likely, -torch.inf)
        kept[:, model.tokens] = likely[:, model.tokens]
        likely = kept
    return likely.log_softmax(-1).gather(1, torch.tensor(identifier)[:, None])[:, 0]


@pytest.mark.parametrize("spoken", [None, SPOKEN])
def test_log_probabilities_are_those_of_the_library(model, spoken):
    model.speaks(spoken)
    found = model.log_probabilities(TEXTS, ROWS, identifiers(model))
    expected = [
        one_by_one(model, TEXTS[row], identifier).sum()
        for row, identifier in zip(ROWS, identifiers(model), strict=True)
    ]
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-4, rtol=1e-4)


def test_a_beginning_is_as_likely_as_by_itself(model):
    keys = identifiers(model)
    tokens = model.token_log_probabilities(model.read(TEXTS), ROWS, keys)
    assert keys[0][:2] == keys[3]
    torch.testing.assert_close(tokens[0, :2].sum(), tokens[3].sum())


def test_parts_and_recomputing_change_nothing_but_memory(model, monkeypatch):
    whole = model.log_probabilities(TEXTS, ROWS, identifiers(model))
    monkeypatch.setattr(seq2seq, "TOKENS_AT_ONCE", 3)
    gradients = []
    for recompute in (False, True):
        model.model.zero_grad()
        found = model.log_probabilities(TEXTS, ROWS, identifiers(model), recompute=recompute)
        torch.testing.assert_close(found, whole)
        found.sum().backward()
        gradients.append([each.grad.clone() for each in model.model.parameters() if each.grad is not None])
    assert len(gradients[0]) > 10
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_is_the_mean_over_tokens(model):
    keys = identifiers(model)[:2]
    likely = torch.cat([one_by_one(model, *each) for each in zip(TEXTS, keys, strict=True)])
    torch.testing.assert_close(model.loss(TEXTS, keys), -likely.mean(), atol=1e-4, rtol=1e-4)
    assert model.loss(TEXTS, keys, smoothing=0.1) != model.loss(TEXTS, keys)


def test_columns_are_the_spoken_tokens_in_order(model):
    model.speaks([7, 2, 9])
    assert model.tokens.tolist() == [2, 7, 9]
    assert model.places(torch.tensor([9, 2, 3])).tolist() == [2, 0, -1]
    assert model.spoken(torch.tensor([2, 0])).tolist() == [9, 2]
    model.speaks(None)
    assert model.places(torch.tensor([9])).tolist() == [9]


def test_a_frozen_copy_says_the_same_and_learns_nothing_of_the_other(model):
    model.speaks(SPOKEN)
    before = model.log_probabilities(TEXTS, ROWS, identifiers(model))
    copy = model.frozen("float32")
    with torch.no_grad():
        for each in model.model.parameters():
            each.add_(1)
    torch.testing.assert_close(copy.log_probabilities(TEXTS, ROWS, identifiers(model)), before)


def sum_of_logits(model):
    read = torch.tensor([[2, 7, 9, 3]])
    return model(input_ids=read, decoder_input_ids=torch.tensor([[2, 5, 6]])).logits.sum().item()


def test_a_saved_model_is_a_whole_one(model, tmp_path):
    model.speaks(SPOKEN)  # of which the folder must know nothing
    model.save(tmp_path / "model")
    opened = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model")
    assert sum_of_logits(opened.eval()) == pytest.approx(sum_of_logits(model.model), rel=1e-3, abs=1e-3)
    again = open_seq2seq(tmp_path / "model", max_tokens=16)
    model.speaks(None)
    given = TEXTS, ROWS, identifiers(model)
    torch.testing.assert_close(again.log_probabilities(*given), model.log_probabilities(*given))
    count = [sum(each.numel() for each in side.model.parameters()) for side in (model, again)]
    assert count[0] == count[1]


def test_transformers_opens_it_in_a_fresh_process(tiny_backbone, tmp_path):
    model = open_seq2seq(tiny_backbone, max_tokens=16)
    model.save(tmp_path / "model")
    code = (
        "import sys, torch; from transformers import EncoderDecoderModel\n"
        "m = EncoderDecoderModel.from_pretrained(sys.argv[1]).eval()\n"
        "read, y = torch.tensor([[2, 7, 9, 3]]), torch.tensor([[2, 5, 6]])\n"
        "print(m(input_ids=read, decoder_input_ids=y).logits.sum().item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(sum_of_logits(model.model), rel=1e-3, abs=1e-3)


def test_padded_by_hand():
    assert padded([(5,), (6, 7)]).tolist() == [[5, -1], [6, 7]]
