import logging

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import CollectionError
from data.schemas import PASSAGES, QUERIES
from data.tables import check, from_rows
from models.generators.spans import SpansConfig
from models.retrievers.bm25 import Bm25Config
from models.settings import Settings
from tasks.generate_queries import (
    GenerateConfig,
    find_again,
    generate_queries,
    name,
    refuse_taken,
    unambiguous,
)
from tasks.stage import Stage

TEXTS = st.lists(st.sampled_from(["rhine", "alps", "coal", "gold"]), max_size=4)


def publish(store, stage, passages, queries):
    def fill(draft, store, config):
        draft.write(passages, PASSAGES)
        draft.write(queries, QUERIES)

    return Stage(name=stage, module="tasks.stage", body=fill).run(store, Settings(), {})


@pytest.fixture
def collection(store, tiny_collection):
    return publish(store, "ingest", tiny_collection["passages"], tiny_collection["queries"])


def generated_of(store, config, collection):
    ref = generate_queries.run(store, config, {"collection": collection})
    return pl.DataFrame(store.read(QUERIES, ref)), store.facts(ref)


@given(st.lists(TEXTS, max_size=6))
def test_a_text_is_kept_if_and_only_if_one_passage_gave_it(written):
    pids = [f"p{n}" for n in range(len(written))]
    kept = unambiguous(name(pids, written))
    check(kept, QUERIES)
    givers = {
        text: [pid for pid, texts in zip(pids, written, strict=True) if text in texts]
        for text in {text for texts in written for text in texts}
    }
    wanted = {(text, pids[0]) for text, pids in givers.items() if len(pids) == 1}
    assert set(zip(kept["text"].to_pylist(), kept["source_pid"].to_pylist(), strict=True)) == wanted
    assert kept.num_rows == len(wanted)


def test_a_name_tells_passage_and_place():
    rows = name(["p1", "a-2"], [["rhine", "alps"], ["coal"]]).to_pylist()
    assert [row["qid"] for row in rows] == ["g-p1-1", "g-p1-2", "g-a-2-1"]
    assert rows[2] == {
        "qid": "g-a-2-1",
        "text": "coal",
        "origin": "generated",
        "source_pid": "a-2",
        "split": "train",
    }


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_query_is_found_again_within_the_depth(batch):
    # "rhine" is in p1 and p2; p2 is shorter, so it comes first. "gold" leads to nothing.
    retriever = Bm25Config().build(["rhine alps coal", "rhine", "coal"])
    queries = name(["p1", "p2", "p3"], [["rhine", "alps"], ["rhine"], ["gold"]])
    found = [find_again(queries, ["p1", "p2", "p3"], retriever, depth, batch).tolist() for depth in (1, 2, 9)]
    assert found == [[False, True, True, False], [True, True, True, False], [True, True, True, False]]


def test_kept_queries_keep_their_contract_and_are_counted(store, collection, caplog):
    with caplog.at_level(logging.INFO, logger="distill"):
        rows, facts = generated_of(store, GenerateConfig(round_trip_depth=1), collection)
    assert set(rows["origin"]) == {"generated"}
    assert set(rows["split"]) == {"train"}
    # Each passage is one sentence of 4 to 8 words: it is its only piece, and finds itself.
    assert rows["source_pid"].to_list() == sorted(rows["source_pid"])
    assert (facts["passages"], facts["generated"], facts["kept"], facts["duplicates"]) == (12, 12, 12, 0)
    assert facts["keep_rate"] == 1.0
    assert "round trip: rank-bm25 lucene k1=1.5 b=0.75 idf=log(1+(N-n+.5)/(n+.5))" in caplog.messages


def test_the_rate_counts_what_was_asked_back(store):
    # "gold" comes from p1, from p2, and from the title of p4, which has no text: three duplicates.
    passages = from_rows(
        [("p1", "", "rhine coal gold"), ("p2", "", "gold"), ("p3", "", "alps alps"), ("p4", "gold", "")],
        PASSAGES,
    )
    collection = publish(store, "ingest", passages, from_rows([], QUERIES))
    spans = SpansConfig(span_words=1, sentence_share=0.0)
    rows, facts = generated_of(store, GenerateConfig(generator=spans, round_trip_depth=1), collection)
    assert sorted(rows["text"]) == ["alps", "coal", "rhine"]
    assert facts | {"round_trip": ""} == {
        "generator": "spans",
        "round_trip": "",
        "round_trip_depth": 1,
        "passages": 4,
        "passages_without_query": 0,
        "generated": 6,
        "duplicates": 3,
        "kept": 3,
        "keep_rate": 1.0,
    }


def test_what_does_not_come_back_is_dropped_unless_the_depth_is_0(store):
    # Each passage is its only query. That of p1 finds p2 first, which holds the word twice.
    passages = from_rows([("p1", "", "coal the of"), ("p2", "", "coal coal")], PASSAGES)
    collection = publish(store, "ingest", passages, from_rows([], QUERIES))
    rates = {}
    for depth in (0, 1, 2):
        spans = SpansConfig(span_words=3, sentence_share=0.0)
        rows, facts = generated_of(store, GenerateConfig(generator=spans, round_trip_depth=depth), collection)
        rates[depth] = facts["keep_rate"], rows["source_pid"].to_list()
    assert rates == {0: (1.0, ["p1", "p2"]), 1: (0.5, ["p2"]), 2: (1.0, ["p1", "p2"])}


def test_the_number_of_passages_can_be_limited(store, collection):
    few, facts = generated_of(store, GenerateConfig(max_passages=3), collection)
    more, _ = generated_of(store, GenerateConfig(max_passages=6), collection)
    assert facts["passages"] == few["source_pid"].n_unique() == 3
    # A smaller limit takes a part of what a larger one takes.
    assert set(few["qid"]) < set(more["qid"])


def test_other_judgements_or_batches_are_the_same_artifact(store, collection):
    keys = {
        generate_queries.recipe(store, GenerateConfig(batch_queries=batch), {"collection": collection}).key
        for batch in (1, 2)
    }
    assert len(keys) == 1


def test_the_name_of_a_generated_query_must_be_free(store, tiny_collection):
    human = from_rows([("g-rhine-1-1", "where", "human", None, "test")], QUERIES)
    collection = publish(store, "ingest", tiny_collection["passages"], human)
    with pytest.raises(CollectionError, match=r"'g-rhine-1-1', which is also .* Rename it in the collection"):
        generate_queries.run(store, GenerateConfig(), {"collection": collection})
    both = name(["p"], [["one", "two"]])
    with pytest.raises(CollectionError, match=r"'g-p-1' \(and 1 more\)"):
        refuse_taken(both, both)
