import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import nn

from data.errors import ConfigError
from models.fitting import set_dropout
from models.text_tasks import HiddenTokens, TwoPasses, some_texts, text_vectors
from models.training import MultiTaskSettings

QUERIES = ["where does the rhine rise", "yellow metal", "where does the rhine rise", "grey metal"]
PASSAGES = [
    "The Rhine rises in the Swiss Alps.",
    "Gold is a yellow metal",
    "iron",
    "Iron rails carry trains.",
]
KINDS = ["dense", "tokens", "terms"]


@pytest.fixture
def make_model(tiny_backbone):
    def make(kind):
        task = "fill-mask" if kind == "terms" else "feature-extraction"
        transformer = Transformer(str(tiny_backbone.parent / "bare"), transformer_task=task)
        if kind == "dense":
            model = SentenceTransformer(modules=[transformer, Pooling(32)], device="cpu")
        elif kind == "terms":
            model = SparseEncoder(modules=[transformer, SpladePooling()], device="cpu")
        else:
            narrow = Dense(32, 8, module_input_name="token_embeddings")
            unit = Normalize(module_input_name="token_embeddings")
            model = MultiVectorEncoder(modules=[transformer, narrow, MultiVectorMask(), unit], device="cpu")
        set_dropout(model, 0.0)
        return model.train()

    return make


def columns_of(model, *columns):
    """A step, as the library's trainers give it."""
    tasks = ["query"] + ["document"] * (len(columns) - 1)
    return [
        {**model.preprocess(texts, task=task), "task": task}
        for texts, task in zip(columns, tasks, strict=True)
    ]


def hidden_tokens(model, seed=0, **settings):
    draws = torch.Generator().manual_seed(seed)
    return HiddenTokens(model, MultiTaskSettings(**settings), draws, "float32")


def seen_by(encoder):
    """Token tensors of each pass of a transformer."""
    seen = []
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(dict(inputs[0])))
    return seen


@given(seed=st.integers(0, 99), share=st.floats(0.05, 0.95), passages=st.permutations(PASSAGES))
def test_neither_padding_nor_special_tokens_are_ever_hidden(make_model, seed, share, passages):
    model = make_model("dense")
    task = hidden_tokens(model, seed, mask_share=share)
    seen = seen_by(task.encoder)
    task(columns_of(model, QUERIES, passages))
    (pass_,) = seen
    shown = pass_["input_ids"]
    special = torch.tensor(model.tokenizer.all_special_ids)
    # Every text has its [CLS] first, its [SEP] last and padding after it, as if nothing had been hidden.
    ends = pass_["attention_mask"].sum(dim=1) - 1
    assert (shown[:, 0] == model.tokenizer.cls_token_id).all()
    assert (shown.gather(1, ends[:, None]) == model.tokenizer.sep_token_id).all()
    assert (shown[pass_["attention_mask"] == 0] == model.tokenizer.pad_token_id).all()
    inside = shown[:, 1:][pass_["attention_mask"][:, 1:].bool()]
    allowed = {model.tokenizer.mask_token_id, model.tokenizer.sep_token_id, model.tokenizer.unk_token_id}
    assert set(inside[torch.isin(inside, special)].tolist()) <= allowed


def test_no_more_texts_are_read_than_allowed_and_none_twice(make_model):
    model = make_model("dense")
    task = hidden_tokens(model, mlm_texts=5)
    seen = seen_by(task.encoder)
    task(columns_of(model, QUERIES, PASSAGES, PASSAGES))
    assert len(seen[0]["input_ids"]) == 5
    draws = torch.Generator().manual_seed(0)
    every = some_texts(columns_of(model, QUERIES, PASSAGES, PASSAGES), 99, 0, draws)
    assert len(every["input_ids"]) == len(set(QUERIES + PASSAGES))


def test_drawn_texts_lose_the_padding_that_all_of_them_have(make_model):
    model = make_model("dense")
    columns = columns_of(model, ["iron", "gold"], PASSAGES)
    some = some_texts(columns[:1], 9, 0, torch.Generator())
    assert some["input_ids"].shape == (2, 3)  # [CLS] iron [SEP]
    both = some_texts(columns, 9, 0, torch.Generator())
    assert both["input_ids"].shape == both["attention_mask"].shape == both["token_type_ids"].shape
    assert both["attention_mask"].sum(dim=1).max() == both["input_ids"].shape[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_both_tasks_reaches_the_encoder(make_model, kind):
    model = make_model(kind)
    for task in (hidden_tokens(model), TwoPasses(model, MultiTaskSettings())):
        model.zero_grad()
        loss = task(columns_of(model, QUERIES, PASSAGES))
        loss.backward()
        assert loss.item() > 0
        words = task.model.transformers_model.get_input_embeddings().weight.grad
        assert words.abs().sum() > 0


def test_filling_in_starts_near_chance_and_is_learned(make_model):
    model = make_model("dense")
    task = hidden_tokens(model)
    optimizer = torch.optim.AdamW(task.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = task(columns_of(model, QUERIES, PASSAGES))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(len(model.tokenizer)), rel=0.2)
    assert sum(losses[-10:]) / 10 < 0.7 * losses[0]


def test_a_model_that_has_a_head_keeps_it(make_model):
    assert hidden_tokens(make_model("terms")).head is None
    # One that has none gets a way from its states to each of its words.
    dense = make_model("dense")
    head, words = hidden_tokens(dense).head, dense.transformers_model.get_input_embeddings().weight
    assert head(torch.ones(5, words.shape[1]), words).shape == (5, len(dense.tokenizer))


def test_the_two_passes_differ_by_dropout_alone_and_leave_it_as_it_was(make_model):
    model = make_model("dense")
    vectors = []
    model.register_forward_hook(lambda _, __, found: vectors.append(found["sentence_embedding"]))
    task = TwoPasses(model, MultiTaskSettings())
    task(columns_of(model, QUERIES, PASSAGES))
    first, second = vectors[0].chunk(2)
    assert len(first) == 3  # one query stands there twice
    assert not torch.allclose(first, second)
    assert (torch.cosine_similarity(first, second) > 0.8).all()
    assert {each.p for each in model.modules() if isinstance(each, nn.Dropout)} == {0.0}


def test_passages_may_be_told_apart_instead(make_model):
    model = make_model("dense")
    seen = seen_by(model)
    columns = columns_of(model, QUERIES, PASSAGES)
    columns[1]["texts"] = PASSAGES  # as a loss may ask for them
    TwoPasses(model, MultiTaskSettings(simcse_texts="document"))(columns)
    assert "texts" not in seen[0]
    expected = model.preprocess(PASSAGES)["input_ids"]
    assert sorted(seen[0]["input_ids"].tolist()) == sorted([*expected.tolist(), *expected.tolist()])


def test_a_text_of_many_vectors_has_the_mean_of_those_that_score():
    found = {
        "token_embeddings": torch.tensor([[[2.0, 0.0], [0.0, 4.0], [9.0, 9.0]]]),
        "attention_mask": torch.tensor([[True, True, False]]),
    }
    assert text_vectors(found).tolist() == [[1.0, 2.0]]


def test_a_side_that_the_trained_transformer_does_not_read_is_refused(tiny_backbone):
    bare = str(tiny_backbone.parent / "bare")
    query, document = Transformer(bare), Transformer(bare).requires_grad_(requires_grad=False)
    router = Router.for_query_document([query, Pooling(32)], [document, Pooling(32)])
    model = SentenceTransformer(modules=[router], device="cpu")
    with pytest.raises(ConfigError, match=r"simcse_texts: found 'document', .* Choose the other"):
        TwoPasses(model, MultiTaskSettings(simcse_texts="document"))
    task = hidden_tokens(model)
    seen = seen_by(query)
    task(columns_of(model, QUERIES, PASSAGES))
    assert len(seen[0]["input_ids"]) == 3


def test_a_tokenizer_without_a_mask_is_refused(make_model):
    model = make_model("dense")
    model.tokenizer.mask_token = None
    with pytest.raises(ConfigError, match=r"mlm_weight: found 0\.1 for a tokenizer without a mask token"):
        hidden_tokens(model)


def test_passages_are_refused_where_a_step_has_none(make_model):
    model = make_model("dense")
    with pytest.raises(ConfigError, match="found 'document', where a step has no passages"):
        TwoPasses(model, MultiTaskSettings(simcse_texts="document"))(columns_of(model, QUERIES))
