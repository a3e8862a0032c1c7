import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from models.encoders import inference
from models.encoders.inference import Inference, batch_slices
from models.texts import passage_texts

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40).map(lambda found: sorted(found, reverse=True))


@given(lengths=LENGTHS, budget=st.integers(1, 100))
def test_batches_cover_every_text_once_and_keep_the_budget(lengths, budget):
    slices = list(batch_slices(np.array(lengths), budget))
    assert [place for some in slices for place in range(len(lengths))[some]] == list(range(len(lengths)))
    for some in slices:
        batch = lengths[some]
        assert len(batch) == 1 or len(batch) * max(batch) <= budget


@pytest.mark.parametrize("window", [1, 5, 1000])
@pytest.mark.parametrize("batch_tokens", [1, 16, 4096])
def test_windows_and_batches_change_nothing_but_rounding(
    tiny_backbone, tiny_collection, monkeypatch, window, batch_tokens
):
    monkeypatch.setattr(inference, "WINDOW", window)
    texts = passage_texts(tiny_collection["passages"])
    model = SentenceTransformer(str(tiny_backbone), device="cpu")
    found = Inference(model, "float32", batch_tokens).run(texts)
    np.testing.assert_allclose(found, model.encode(texts), atol=1e-5)


def test_attention_is_measured_on_many_texts_and_says_what_it_chose(
    tiny_backbone, tiny_collection, monkeypatch, caplog
):
    monkeypatch.setattr(inference, "WORTH_MEASURING", 4)
    model = SentenceTransformer(str(tiny_backbone), device="cpu")
    runner = Inference(model)
    with caplog.at_level("INFO", logger="distill"):
        runner.run(passage_texts(tiny_collection["passages"]))
        runner.run(passage_texts(tiny_collection["passages"]))
    assert len([record for record in caplog.records if "chose" in record.message]) == 1
    assert runner.facts()["attention"] in ("eager", "sdpa")


@pytest.mark.parametrize(("sdpa", "chosen"), [(1.3, "eager"), (0.9, "eager"), (0.7, "sdpa")])
def test_an_attention_that_is_hardly_faster_is_not_chosen(
    tiny_backbone, tiny_collection, monkeypatch, sdpa, chosen
):
    """Or two runs on one machine would choose by chance, and give vectors that differ in their last bits."""
    monkeypatch.setattr(inference, "WORTH_MEASURING", 4)
    runner = Inference(SentenceTransformer(str(tiny_backbone), device="cpu"))
    now = [0.0]
    run = runner._output

    def output(batch):
        now[0] += sdpa if runner.engine.bert.attention == "sdpa" else 1.0
        return run(batch)

    monkeypatch.setattr(runner, "_output", output)
    monkeypatch.setattr(inference.time, "thread_time", lambda: now[0])
    runner.run(passage_texts(tiny_collection["passages"]))
    assert runner.facts()["attention"] == chosen
