import pytest
from pydantic import ValidationError

from data.errors import ModelUnavailable
from models.generators.seq2seq import Seq2seqConfig


def written(folder, titles, texts, seed=0, **settings):
    config = Seq2seqConfig(model=str(folder), precision="float32", query_max_tokens=6, **settings)
    return list(config.generate(titles, texts, seed))


@pytest.mark.parametrize("decoding", ["beam", "top_k"])
def test_every_passage_gets_its_queries(tiny_writer, decoding):
    queries = written(
        tiny_writer["t5"], ["rhine", ""], ["rise", "gold is a metal"], decoding=decoding, per_passage=3
    )
    assert [1 <= len(each) <= 3 for each in queries] == [True, True]


def test_prefix_and_title_are_read(tiny_writer):
    folder = tiny_writer["bart"]
    plain = written(folder, ["rhine"], ["rise"])
    assert written(folder, [""], ["rhine rise"]) == plain
    assert written(folder, ["rhine"], ["rise"], template="{text}") != plain
    assert written(folder, ["rhine"], ["rise"], prefix="gold gold ") != plain


def test_a_model_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(ModelUnavailable, match="Give the path of a downloaded folder"):
        written(tmp_path, [""], ["rhine"])


def test_a_model_must_be_named():
    with pytest.raises(ValidationError, match="model"):
        Seq2seqConfig()
