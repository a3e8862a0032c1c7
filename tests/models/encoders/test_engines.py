import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

from models.encoders.engines import PackedEngine, PaddedEngine, engine_for

TEXTS = ["the rhine rises in the swiss alps .", "iron rails carry trains .", "bach"]


@pytest.fixture
def model(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu").eval()


@pytest.fixture
def other(tiny_backbone, tmp_path):
    """A DistilBERT, which is not built as a BERT."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    DistilBertModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    transformer = Transformer(str(tmp_path))
    return SentenceTransformer(modules=[transformer, Pooling(32)], device="cpu").eval()


@torch.inference_mode()
def outputs(engine, model, attention):
    engine.attend_by(attention)
    return engine(dict(model.preprocess(TEXTS)))


@pytest.mark.parametrize("engine", [PackedEngine, PaddedEngine], ids=["packed", "padded"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_every_engine_gives_what_the_model_gives(model, engine, attention):
    with torch.inference_mode():
        expected = model(dict(model.preprocess(TEXTS)))["sentence_embedding"]
    found = outputs(engine(model, torch.float32), model, attention)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_bert_on_a_cpu_is_packed_and_anything_else_is_run_as_it_is(model, other):
    with torch.inference_mode():
        assert engine_for(model, "float32").name == "packed"
        engine = engine_for(other, "float32")
        expected = other(dict(other.preprocess(TEXTS)))["sentence_embedding"]
    assert engine.name == "padded"
    torch.testing.assert_close(outputs(engine, other, "eager"), expected, atol=1e-5, rtol=1e-4)


def test_the_model_that_is_given_stays_as_it_is(model):
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with torch.inference_mode():
        engine_for(model, "bfloat16")
        PaddedEngine(model, torch.bfloat16)
    after = model.state_dict()
    assert all(after[name].dtype == weight.dtype for name, weight in before.items())
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
