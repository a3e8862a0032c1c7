import pytest
import torch
from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import nn

from data.errors import ConfigError
from models.encoders.shared_encoder import dropping, reads, shared_encoder


@pytest.fixture
def bare(tiny_backbone):
    return str(tiny_backbone.parent / "bare")


@pytest.fixture
def routes(bare):
    """A model with a transformer for queries and another for passages."""
    query, document = Transformer(bare), Transformer(bare)
    router = Router.for_query_document([query, Pooling(32)], [document, Pooling(32)])
    return SentenceTransformer(modules=[router], device="cpu"), query, document


def test_it_is_found_in_every_kind_of_model(bare):
    found = Transformer(bare)
    logits = Transformer(bare, transformer_task="fill-mask")
    to_tokens = Dense(32, 8, module_input_name="token_embeddings")
    tokens = [found, to_tokens, MultiVectorMask(), Normalize(module_input_name="token_embeddings")]
    for encoder, model in (
        (found, SentenceTransformer(modules=[found, Pooling(32)], device="cpu")),
        (found, MultiVectorEncoder(modules=tokens, device="cpu")),
        (logits, SparseEncoder(modules=[logits, SpladePooling()], device="cpu")),
    ):
        assert shared_encoder(model) is encoder
        assert reads(model, encoder, "query")
        assert reads(model, encoder, "document")


def test_a_route_reads_its_own_texts(routes):
    model, query, document = routes
    assert shared_encoder(model) is query
    assert [reads(model, query, task) for task in ("query", "document")] == [True, False]
    assert [reads(model, document, task) for task in ("query", "document")] == [False, True]


def test_what_is_frozen_is_passed_over(routes):
    model, query, document = routes
    query.requires_grad_(requires_grad=False)
    assert shared_encoder(model) is document
    document.requires_grad_(requires_grad=False)
    with pytest.raises(ConfigError, match=r"multi_task: found a SentenceTransformer without a transformer"):
        shared_encoder(model)


def test_one_transformer_on_both_routes_reads_all(bare):
    both = Transformer(bare)
    router = Router.for_query_document([both, Pooling(32)], [both, Pooling(32)])
    model = SentenceTransformer(modules=[router], device="cpu")
    assert reads(model, both, "query")
    assert reads(model, both, "document")


def test_dropout_is_on_for_a_while_and_then_as_before():
    model = nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 2), nn.Dropout(0.3))
    with pytest.raises(KeyError), dropping(model, 0.5):
        assert [model[0].p, model[2].p] == [0.5, 0.5]
        raise KeyError
    assert [model[0].p, model[2].p] == [0.0, 0.3]


def test_dropout_reaches_the_attention_that_is_used_for_training(tiny_backbone):
    from models.encoders.attention import fast_attention

    model = SentenceTransformer(str(tiny_backbone), device="cpu").train()
    for each in model.modules():
        if isinstance(each, nn.Dropout):
            each.p = 0.0
    attentions = [name for name, _ in model.named_modules() if name.endswith("attention.self.dropout")]
    assert len(attentions) == 2
    texts = model.preprocess(["where does the rhine rise"])

    def passes(*, some):
        with fast_attention(model), dropping(model if some is None else model.get_submodule(some), 0.5):
            return [model(dict(texts))["sentence_embedding"] for _ in range(2)]

    assert not torch.equal(*passes(some=None))
    assert not torch.equal(*passes(some=attentions[0]))
    with fast_attention(model):
        assert torch.equal(*(model(dict(texts))["sentence_embedding"] for _ in range(2)))
