import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError
from sentence_transformers.base.modules import Transformer

from models.encoders.vocabulary_head import VocabularyHead, has_head, logits_at


@pytest.fixture
def make_encoder(tiny_backbone):
    def make(task="feature-extraction"):
        return Transformer(str(tiny_backbone.parent / "bare"), transformer_task=task).eval()

    return make


def texts_of(encoder):
    found = encoder.preprocess(["gold is yellow", "iron rusts"])
    return {name: found[name] for name in ("input_ids", "attention_mask", "token_type_ids")}


def test_it_is_the_equation():
    # W is the identity at first. gelu(0) = 0, gelu(40) = 40; their mean is 20, their spread 20: -1 and 1.
    # With the words (2, 0) and (1, 3): logits -2 and 2; and 0.5 more for the second.
    head = VocabularyHead(2, torch.zeros(2, 2))
    head.offset.data[1] = 0.5
    found = head(torch.tensor([[0.0, 40.0]]), torch.tensor([[2.0, 0.0], [1.0, 3.0]]))
    assert torch.allclose(found, torch.tensor([[-2.0, 2.5]]), atol=1e-4)


def test_states_may_be_wider_than_words():
    assert VocabularyHead(6, torch.zeros(9, 4))(torch.zeros(3, 6), torch.zeros(9, 4)).shape == (3, 9)


def test_the_words_are_the_encoders_and_learn_with_it(make_encoder):
    encoder = make_encoder()
    words = encoder.model.get_input_embeddings().weight
    head = VocabularyHead(32, words)
    assert not has_head(encoder)
    assert not any(each is words for each in head.parameters())
    texts = texts_of(encoder)
    chosen = texts["attention_mask"].bool()
    logits_at(encoder, head, dict(texts), chosen).square().sum().backward()
    # Words that are in no text learn too: they are what those might have been. That of the padding is 0.
    assert (words.grad[1:].abs().sum(dim=1) > 0).all()


def test_a_models_own_head_gives_its_logits_of_the_chosen_tokens_alone(make_encoder):
    encoder = make_encoder("fill-mask")
    assert has_head(encoder)
    texts = texts_of(encoder)
    chosen = torch.zeros_like(texts["attention_mask"]).bool()
    chosen[0, 1] = chosen[1, 2] = True
    every = encoder(dict(texts))["token_embeddings"]
    assert every.shape[:2] == chosen.shape
    assert torch.allclose(logits_at(encoder, None, dict(texts), chosen), every[chosen], atol=1e-6)
    assert torch.equal(encoder(dict(texts))["token_embeddings"], every)


def test_wrong_shapes_are_refused():
    head = VocabularyHead(6, torch.zeros(9, 4))
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation), match="states"):
        head(torch.zeros(3, 2, 6), torch.zeros(9, 4))
