import pytest
import torch
from sentence_transformers import SparseEncoder
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

from models.encoders import term_weights
from models.encoders.term_weights import TermWeights
from models.fitting import set_dropout
from tests.models.tiny_models import SIZES, random_model

TEXTS = ["gold is a yellow metal that never rusts", "iron", "the rhine rises in the swiss alps ."]
ARCHITECTURES = {
    "bert": (BertConfig, BertForMaskedLM),
    "roberta": (RobertaConfig, RobertaForMaskedLM),
}


@pytest.fixture(params=ARCHITECTURES)
def model(request, tiny_backbone, tmp_path):
    """A random masked language model as a SparseEncoder; about half of its logits are above 0."""
    config, architecture = ARCHITECTURES[request.param]
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
    small = config(**SIZES, vocab_size=len(tokenizer), initializer_range=0.3, pad_token_id=0)
    random_model(architecture, small).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    made = SparseEncoder(str(tmp_path), device="cpu")
    set_dropout(made, 0.0)
    # Its pooling works in place unless it is training, and then has no gradient.
    return made.train()


def read(model, texts):
    return dict(model.preprocess(texts))


def found(make, model, texts=TEXTS):
    """Weights, and the gradients of their weighted sum by name."""
    model.zero_grad()
    weights = make(read(model, texts))["sentence_embedding"]
    factors = torch.randn(weights.shape, generator=torch.Generator().manual_seed(1))
    (factors * weights).sum().backward()
    return weights.detach(), {
        name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None
    }


@pytest.mark.parametrize("tokens", [1, 9, 512])
def test_weights_and_gradients_are_those_of_the_library(model, tokens, monkeypatch):
    monkeypatch.setattr(term_weights, "TOKENS", tokens)
    theirs, their_gradients = found(model, model)
    ours, our_gradients = found(TermWeights(model), model)
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert 0 < (ours > 0).float().mean() < 1
    assert our_gradients.keys() == their_gradients.keys()
    for name, gradient in our_gradients.items():
        assert torch.allclose(gradient, their_gradients[name], atol=1e-4), name


def test_a_weight_worked_by_hand(model):
    # of each term the highest logit of all tokens, cut at 0: log(1 + x)
    logits = model[0](read(model, TEXTS[1:2]))["token_embeddings"][0]
    assert torch.allclose(
        TermWeights(model).highest(read(model, TEXTS[1:2])), logits.max(dim=0).values, atol=1e-5
    )
    weights = TermWeights(model)(read(model, TEXTS[1:2]))["sentence_embedding"][0]
    assert torch.allclose(weights, logits.max(dim=0).values.clamp_min(0).add(1).log(), atol=1e-5)


def test_autocast_lowers_the_product_and_nothing_is_kept_of_old_weights(model):
    terms, features = TermWeights(model), read(model, TEXTS)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        before = terms(features)["sentence_embedding"]
        assert before.dtype == torch.float32
        model.transformers_model.get_output_embeddings().weight.mul_(2)
        after = terms(features)["sentence_embedding"]
    assert torch.allclose(before, found(terms, model)[0], atol=0.1) is False
    assert torch.allclose(after, found(terms, model)[0], atol=0.1)


def test_the_model_is_left_as_it_was(model):
    before = model(read(model, TEXTS))["sentence_embedding"]
    TermWeights(model)(read(model, TEXTS))
    assert torch.equal(model(read(model, TEXTS))["sentence_embedding"], before)
