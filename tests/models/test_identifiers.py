import numpy as np
import pytest
import torch

from data.errors import ArtifactDamaged, ConfigError
from data.ngrams.build import build
from models.identifier_tokens import IdentifierTokens
from models.identifiers import VIEWS, IdentifierConfig, Identifiers
from models.retrievers.constrained_beam import constrained_beam

TEXTS = {
    "title": ["Gold", "", "Iron"],
    "body": ["Gold is a yellow metal.", "Iron rails carry trains.", "Iron is a grey metal."],
    "query": ["yellow metal", "what do trains carry", "grey metal that rusts"],
}


@pytest.fixture
def config(tiny_backbone):
    return IdentifierConfig(
        tokenizer=str(tiny_backbone), body_ngram=3, title_max_tokens=4, query_max_tokens=3
    )


@pytest.fixture
def folder(config, tmp_path):
    tokens = IdentifierTokens.of_model(config.tokenizer)
    tokens.save(tmp_path)
    for view in VIEWS:
        (tmp_path / view).mkdir()
        build(
            tmp_path / view,
            [config.sequences(view, TEXTS[view], np.arange(3), tokens)],
            longest=config.longest(view),
            vocabulary=tokens.size,
            vocabulary_digest=tokens.digest,
        )
    return tmp_path


@pytest.fixture
def identifiers(folder):
    return Identifiers.open(folder)


class Even:
    """A model that finds every token as likely."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary

    def first(self):
        return torch.full((1, self.vocabulary), -1.0)

    def next(self, parents, tokens):
        return torch.full((len(parents), self.vocabulary), -1.0)


def all_of(identifiers, view):
    """Everything that may be written of a view, as text, with the tokens."""
    found = constrained_beam(
        Even(identifiers.tokens.size),
        identifiers.constraint(view),
        beams=200,
        max_tokens=9,
        keep_parts=True,
    )
    return {identifiers.tokens.decode(each.tokens): each.tokens for each in found[0]}


def test_titles_are_written_whole_and_an_empty_one_never(identifiers):
    found = all_of(identifiers, "title")
    assert set(found) == {"gold", "iron"}
    assert all(tokens[-1] == identifiers.tokens.end for tokens in found.values())


def test_questions_are_written_whole_and_cut_to_their_longest(identifiers):
    assert set(all_of(identifiers, "query")) == {"yellow metal", "what do trains", "grey metal that"}


def test_of_a_text_any_ngram_is_written(identifiers):
    found = set(all_of(identifiers, "body"))
    words = [text.lower().replace(".", " .").split() for text in TEXTS["body"]]
    expected = {
        " ".join(text[start : start + length])
        for text in words
        for length in (1, 2, 3)
        for start in range(len(text) - length + 1)
    }
    # Decoded, a full stop stands at its word. Nothing reaches from one text into the next.
    assert found == {text.replace(" .", ".") for text in expected}


@pytest.mark.parametrize("view", VIEWS)
def test_what_was_written_is_found_in_its_passages(identifiers, view):
    found = all_of(identifiers, view)
    lows, highs = identifiers.ranges_of(view, list(found.values()))
    assert (highs > lows).all()
    index = identifiers.views[view]
    rows = {
        text: set(index.rows(index.places((int(low), int(high)), 9)).tolist())
        for text, low, high in zip(found, lows, highs, strict=True)
    }
    if view == "title":
        assert rows == {"gold": {0}, "iron": {2}}
    else:
        assert set.union(*rows.values()) == {0, 1, 2}


def test_a_long_text_is_cut(config):
    tokens = IdentifierTokens.of_model(config.tokenizer)
    short = config.model_copy(update={"body_max_tokens": 2})
    assert short.sequences("body", ["gold is a metal"], np.array([7]), tokens).lengths.tolist() == [2]


def test_texts_without_tokens_give_no_sequence(config):
    tokens = IdentifierTokens.of_model(config.tokenizer)
    found = config.sequences("title", ["", "gold", " "], np.array([3, 4, 5]), tokens)
    assert found.rows.tolist() == [4]
    assert found.tokens[[0, -1]].tolist() == [tokens.start, tokens.end]


def test_the_folder_is_all_that_is_needed(identifiers, folder, tmp_path_factory):
    moved = folder.rename(tmp_path_factory.mktemp("elsewhere") / "identifiers")
    again = Identifiers.open(moved)
    assert all_of(again, "title") == all_of(identifiers, "title")
    assert again.index_bytes > 0


def test_a_model_with_another_vocabulary_is_refused(identifiers, tiny_backbone):
    from transformers import AutoTokenizer

    vocabulary = AutoTokenizer.from_pretrained(tiny_backbone).get_vocab()
    identifiers.refuse_other(vocabulary, "students.minder.model")
    message = r"students.minder.model: found a tokenizer with vocabulary .*; expected that of the identifiers"
    with pytest.raises(ConfigError, match=message):
        identifiers.refuse_other(vocabulary | {"gold": 1}, "students.minder.model")


def test_a_missing_view_is_named(folder):
    (folder / "query" / "header.json").unlink()
    with pytest.raises(ArtifactDamaged, match=r"query/header.json"):
        Identifiers.open(folder)
