from itertools import count
from types import SimpleNamespace

import polars as pl
import pytest

from data.errors import InputError
from data.schemas import PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.identifiers import VIEWS, IdentifierConfig, Identifiers
from models.parts import IDENTIFIERS
from tasks import index_identifiers as module
from tasks.index_identifiers import index_identifiers, pseudo_queries
from tasks.stage import stage

WRITTEN = [
    ("g-gold-1-1", "yellow metal", "generated", "gold-1", "train"),
    ("g-bach-1-1", "who wrote fugues", "generated", "bach-1", "train"),
    ("g-bach-1-2", "fugues for the organ", "generated", "bach-1", "train"),
    # Neither of these is a pseudo-query.
    ("g-iron-1-1", "grey metal", "generated", "iron-1", "dev"),
    ("q01", "where does the rhine rise", "human", None, "train"),
]


@pytest.fixture
def collection(store, tiny_collection):
    @stage()
    def ingest(draft, store, config):
        draft.write(tiny_collection["passages"], PASSAGES)
        draft.write(tiny_collection["qrels"], QRELS)

    return ingest.run(store, IdentifierConfig(), {})


def generated(store, rows):
    @stage()
    def generate(draft, store, config):
        draft.write(from_rows(sorted(rows), QUERIES), QUERIES)

    return generate.run(store, IdentifierConfig(), {}, force=True)


@pytest.fixture
def config(tiny_backbone):
    return IdentifierConfig(tokenizer=str(tiny_backbone), body_ngram=3)


def make(store, config, collection, written=WRITTEN, **more):
    inputs = {"collection": collection, "generated": generated(store, written) if written else None}
    return index_identifiers.run(store, config, inputs, **more)


def passages_of(identifiers, view, text, pids):
    (tokens,) = identifiers.encode([text])
    if view != "body":
        tokens.append(identifiers.tokens.end)
    (low,), (high,) = identifiers.ranges_of(view, [tokens])
    index = identifiers.views[view]
    return sorted(pids[row] for row in index.rows(index.places((int(low), int(high)), 99)))


def test_passages_are_found_by_title_text_and_question(store, config, collection, tiny_collection):
    made = make(store, config, collection)
    identifiers = Identifiers.open(store.path(made, IDENTIFIERS))
    pids = tiny_collection["passages"]["pid"].to_pylist()
    assert passages_of(identifiers, "title", "gold", pids) == ["gold-1", "gold-2"]
    assert passages_of(identifiers, "body", "rises in the", pids) == ["danube-1", "rhine-1"]
    assert passages_of(identifiers, "query", "who wrote fugues", pids) == ["bach-1"]
    # Asked by a person, or kept for the development set.
    assert passages_of(identifiers, "query", "where does the rhine rise", pids) == []
    assert passages_of(identifiers, "query", "grey metal", pids) == []


def test_tokens_ngrams_and_seconds_are_noted(store, config, collection, monkeypatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=count(step=2.5).__next__))
    facts = store.facts(make(store, config, collection))
    assert facts["passages"] == facts["title_sequences"] == facts["body_sequences"] == 12
    # "yellow metal", "who wrote fugues" and "fugues for the organ", each between two delimiters.
    assert facts["query_sequences"] == 3
    assert facts["query_tokens"] == 4 + 5 + 6
    assert facts["body_ngrams"] > facts["body_tokens"]
    assert [facts[f"{view}_s"] for view in VIEWS] == [2.5, 2.5, 2.5]


def test_chunks_change_no_byte(store, config, collection, monkeypatch):
    whole = make(store, config, collection)
    monkeypatch.setattr(module, "CHUNK_TEXTS", 5)
    assert make(store, config, collection, force=True).parts == whole.parts


def test_without_generated_queries_there_is_an_empty_view(store, config, collection):
    made = make(store, config, collection, written=None)
    assert Identifiers.open(store.path(made, IDENTIFIERS)).views["query"].size == 0
    assert store.facts(made)["query_tokens"] == 0


def address(store, config, collection, written):
    inputs = {"collection": collection, "generated": generated(store, written)}
    return index_identifiers.recipe(store, config, inputs).key


def test_other_generated_queries_are_another_address(store, config, collection):
    known = address(store, config, collection, WRITTEN)
    assert address(store, config, collection, WRITTEN) == known
    assert address(store, config, collection, WRITTEN[1:]) != known
    assert address(store, config.model_copy(update={"body_ngram": 4}), collection, WRITTEN) != known


def test_other_judgements_are_the_same_address(store, config, collection, tiny_collection):
    @stage()
    def ingest(draft, store, config):
        draft.write(tiny_collection["passages"], PASSAGES)
        draft.write(tiny_collection["qrels"].slice(1), QRELS)

    judged_otherwise = ingest.run(store, IdentifierConfig(), {}, force=True)
    assert judged_otherwise.parts != collection.parts
    keys = {address(store, config, each, WRITTEN) for each in (collection, judged_otherwise)}
    assert len(keys) == 1


def test_pseudo_queries_come_with_the_row_of_their_passage():
    queries = pl.DataFrame(from_rows(sorted(WRITTEN), QUERIES))
    (chunk,) = pseudo_queries(pl.Series(["gold-1", "bach-1", "iron-1"]), queries)
    texts, rows = chunk
    assert texts == ["yellow metal", "who wrote fugues", "fugues for the organ"]
    assert rows.tolist() == [0, 1, 1]


def test_a_query_without_its_passage_is_refused():
    queries = pl.DataFrame(from_rows(sorted(WRITTEN), QUERIES))
    with pytest.raises(InputError, match="found 2 without a passage, the first 'g-bach-1-1'"):
        list(pseudo_queries(pl.Series(["gold-1"]), queries))
