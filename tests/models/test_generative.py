import pytest
import torch

from data.errors import ConfigError
from models.generative import Generative, speaking, valid_identifiers
from models.identifiers import Identifiers

QUERIES = ["where does the rhine rise", "yellow metal"]


@pytest.fixture(scope="module")
def identifiers(tiny_identifiers):
    return Identifiers.open(tiny_identifiers)


@pytest.fixture
def generative(tiny_minder):
    return Generative.load(tiny_minder.folder)


def test_a_folder_holds_all_but_the_index(generative, tiny_identifiers, tmp_path):
    generative.save(tmp_path)
    again = Generative.load(tmp_path)
    assert (again.search, again.precision) == (generative.search, generative.precision)
    found = []
    for each in (generative, again):
        retriever = each.retriever(tiny_identifiers)
        found.append(retriever.search(retriever.encode(QUERIES), 5).scores.tolist())
    assert found[0] == found[1]
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors", ".txt"}


def test_it_speaks_what_any_view_has(generative, identifiers):
    model = speaking(generative.model, identifiers)
    spoken = set(model.tokens.tolist())
    for index in identifiers.views.values():
        assert set(index.next_tokens(index.everything, 0)[0].tolist()) <= spoken
    assert len(spoken) < model.decoder.vocabulary


def test_an_index_of_other_words_is_refused(generative, tiny_identifiers):
    generative.model.tokenizer.add_tokens(["wagner"])
    with pytest.raises(ConfigError, match="backbone: found a tokenizer with vocabulary"):
        generative.retriever(tiny_identifiers)


def test_what_was_learned_is_written_and_noise_is_not(generative, identifiers):
    model = speaking(generative.model, identifiers)
    learned = valid_identifiers(model, QUERIES, identifiers)
    with torch.no_grad():
        for each in model.model.parameters():
            each.normal_()
    assert 0 <= valid_identifiers(model, QUERIES, identifiers) < learned <= 1


def test_nobody_asked_nothing_written(generative, identifiers):
    assert valid_identifiers(speaking(generative.model, identifiers), [], identifiers) == 0
