import pytest
import torch

from data.errors import ConfigError
from models.generators.query_writer import Beam, GumbelTopK, QueryWriter, TopK

PASSAGES = [
    "the rhine",
    "gold is a metal that rusts",
    "vienna",
    "who wrote operas in vienna",
    "is the metal gold",
]


def writer(folder, decoding, **settings):
    defaults = {"precision": "float32", "per_passage": 4, "passage_max_tokens": 16, "query_max_tokens": 6}
    return QueryWriter(folder, decoding=decoding, **defaults | settings)


@pytest.mark.parametrize("kind", ["t5", "bart"])
@pytest.mark.parametrize("decoding", [Beam(), TopK(5, seed=0)], ids=["beam", "top_k"])
def test_queries_are_words_without_special_tokens_and_none_comes_twice(tiny_writer, kind, decoding):
    written = list(writer(tiny_writer[kind], decoding).write(PASSAGES, 2))
    assert len(written) == len(PASSAGES)
    for queries in written:
        assert len(set(queries)) == len(queries)  # none twice
        assert len(queries) in {1, 2, 3, 4}  # per_passage, less what was the same
        assert all(0 < len(query.split()) <= 6 for query in queries)
        assert not any(mark in query for query in queries for mark in "<>")
    assert any(len(queries) > 1 for queries in written)


@pytest.mark.parametrize("decoding", [Beam(), TopK(5, seed=0)], ids=["beam", "top_k"])
def test_what_is_written_does_not_depend_on_the_batch_or_its_neighbours(tiny_writer, decoding):
    made = writer(tiny_writer["t5"], decoding)
    whole = list(made.write(PASSAGES, 5))
    assert list(made.write(PASSAGES, 1)) == whole
    assert list(made.write(PASSAGES[::-1], 3)) == whole[::-1]


def test_a_seed_decides_what_is_drawn(tiny_writer):
    def drawn(seed):
        return list(writer(tiny_writer["t5"], TopK(5, seed)).write(PASSAGES, 5))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_the_likeliest_of_one_word_leaves_nothing_to_chance(tiny_writer):
    one, two = (list(writer(tiny_writer["t5"], TopK(1, seed)).write(PASSAGES, 5)) for seed in (1, 2))
    assert one == two
    assert list(map(len, one)) == [1] * len(PASSAGES)


def test_more_passages_than_a_window_keep_their_order(tiny_writer, monkeypatch):
    made = writer(tiny_writer["t5"], TopK(5, seed=0))
    whole = list(made.write(PASSAGES, 5))
    monkeypatch.setattr("models.generators.query_writer.WINDOW", 2)
    assert list(made.write(PASSAGES, 5)) == whole


def test_noise_draws_tokens_as_often_as_they_are_likely():
    # Logits ln 1, ln 3, ln 6 and, outside the three likeliest, ln 0.5: shares 0.1, 0.3, 0.6 and 0.
    scores = torch.tensor([1.0, 3.0, 6.0, 0.5]).log().repeat(20_000, 1)
    ids = torch.zeros(20_000, 1, dtype=torch.long)
    drawn = GumbelTopK(3, range(20_000))(ids, scores).argmax(dim=1)
    shares = torch.bincount(drawn, minlength=4) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.3, 0.6, 0.0]), atol=0.015, rtol=0)


def test_a_model_that_writes_nothing_is_refused(tiny_backbone):
    with pytest.raises(ConfigError, match="does not turn texts into texts; expected a sequence-to-sequence"):
        writer(tiny_backbone, Beam())
