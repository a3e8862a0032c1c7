import pytest

from data.errors import ConfigError
from flows.estimating.collection_size import KNOWN, of_facts, size_of


def test_sizes_of_public_collections_are_those_published():
    assert {name: (size.passages, size.learned_queries) for name, size in KNOWN.items()} == {
        "nq": (2_681_468, 100_231),
        "nq-w100": (21_015_324, 65_395),
        "msmarco": (8_841_823, 502_939),
    }
    assert all("http" in size.source for size in KNOWN.values())


def test_a_run_named_as_a_known_collection_needs_no_data(store):
    assert size_of(store, "nq") == KNOWN["nq"]


def test_given_numbers_replace_those_of_the_collection_and_nothing_else(store):
    size = size_of(store, "nq", passages=10, queries=5)
    assert (size.passages, size.learned_queries, size.test_queries) == (10, 5, KNOWN["nq"].test_queries)
    assert "as given" in size.source


def test_numbers_alone_do_for_an_unknown_collection(store):
    assert size_of(store, "mine", passages=10, queries=5).passages == 10


def test_tokens_are_words_times_their_pieces():
    facts = {"passages": 2, "queries": {"train": 3}, "passage_words": 10.0, "query_words": 10.0}
    size = of_facts(facts, "mine")
    assert (size.passage_tokens, size.query_tokens, size.passage_bytes) == (13.0, 11.0, 62.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"collection": "wiki"}, "found 'wiki'; expected one of nq, nq-w100, msmarco"),
        ({}, "found no collection that was ingested"),
        ({"passages": 0, "queries": 5}, "--passages: found 0; expected more than 0"),
        ({"passages": 5, "queries": -1}, "--queries: found -1; expected more than 0"),
        ({"passage_words": 0.0}, "--passage-words: found 0.0"),
    ],
)
def test_what_is_not_known_is_said(store, given, message):
    with pytest.raises(ConfigError, match=message):
        size_of(store, "mine", **given)
