import numpy as np
import pytest
import torch

from models.identifiers import VIEWS, Identifiers
from models.retrievers.identifier_keys import BODY, marked
from models.retrievers.key_writer import KeyWriter

QUERIES = ["Where does the Rhine rise", "yellow metal"]


@pytest.fixture(scope="module")
def parts(tiny_minder, tiny_identifiers):
    from models.generative import Generative, speaking

    generative = Generative.load(tiny_minder.folder)
    identifiers = Identifiers.open(tiny_identifiers)
    return speaking(generative.model, identifiers), identifiers, generative.search


@pytest.fixture(scope="module")
def found(parts):
    model, identifiers, search = parts
    return KeyWriter(model, identifiers, search.model_copy(update={"single_tokens": 5000})).keys(QUERIES)


def test_every_key_stands_in_its_index_as_often_as_it_says(parts, found):
    for keys in found:
        for view, tokens, (low, high) in zip(keys.views, keys.tokens, keys.ranges, strict=True):
            lows, highs = parts[1].ranges_of(VIEWS[view], [tokens])
            assert (lows[0], highs[0]) == (low, high)
            assert low < high


def test_a_key_is_as_likely_as_the_model_says_when_it_is_read_at_once(parts, found):
    for query, keys in zip(QUERIES, found, strict=True):
        for place, view in enumerate(VIEWS):
            some = np.flatnonzero(keys.views == place)
            rows = torch.zeros(len(some), dtype=torch.long)
            told = parts[0].log_probabilities([marked(query, view)], rows, [keys.tokens[key] for key in some])
            assert keys.log_probability[some] == pytest.approx(told.detach().numpy(), abs=1e-3)


def test_the_heaviest_are_first_and_single_tokens_last(found):
    for keys in found:
        assert (np.diff(keys.weight[: keys.singles]) <= 0).all()
        assert (np.diff(keys.weight[keys.singles :]) <= 0).all()
        assert all(len(key) == 1 for key in keys.tokens[keys.singles :])
        assert (keys.views[keys.singles :] == BODY).all()
        assert (keys.weight > 0).all()


def test_only_written_pseudo_queries_are_raised(found):
    for keys in found:
        assert ((keys.views == VIEWS.index("query")) == keys.is_raised).all()


def test_the_querys_own_words_are_keys_where_the_index_has_them(parts):
    writer = KeyWriter(*parts)
    own = [parts[1].tokens.decode(key) for key in writer._own("Where does the Rhine rise")]
    assert "rhine" in own
    assert "the rhine" in own
    # "rhine rise" is in no text: there it rises.
    assert "rhine rise" not in own


def test_too_frequent_keys_are_dropped(parts):
    model, identifiers, search = parts
    keys = KeyWriter(model, identifiers, search.model_copy(update={"too_frequent": 1})).keys(QUERIES)
    assert all((np.diff(each.ranges)[: each.singles] == 1).all() for each in keys)


def test_no_query_has_no_keys(parts):
    assert KeyWriter(*parts).keys([]) == []
