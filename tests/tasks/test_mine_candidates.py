import logging

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.schemas import CANDIDATES, PASSAGES, QUERIES
from data.tables import check, from_rows
from models.retrievers.bm25 import Bm25Config
from models.runs import retrieve
from models.settings import Settings
from models.spread_mining import mine
from tasks.mine_candidates import MineConfig, mine_candidates, wanted
from tasks.stage import Stage

WORDS = st.lists(st.sampled_from(["rhine", "alps", "coal", "gold"]), min_size=1, max_size=4).map(" ".join)


def queries_of(texts):
    return from_rows([(f"q{n:02}", text, "human", None, "train") for n, text in enumerate(texts)], QUERIES)


@given(
    st.lists(WORDS, min_size=1, max_size=8),
    st.lists(WORDS, max_size=9),
    st.integers(1, 10),
    st.integers(1, 10),
)
def test_batches_of_any_size_hold_the_same_candidates(passages, queries, depth, batch):
    pids = [f"p{n}" for n in range(len(passages))]
    miners = {"one": Bm25Config().build(passages), "two": Bm25Config(b=0.0).build(passages)}
    table = queries_of(queries)
    batches = [mine(table.slice(n, batch), pids, miners, depth) for n in range(0, len(queries), batch)]
    assert all(len(rows["qid"].unique()) <= batch for rows in batches)
    whole = pa.concat_tables([CANDIDATES.columns.empty_table(), *batches])
    check(whole, CANDIDATES)
    for name, miner in miners.items():
        mined = pl.DataFrame(whole).filter(miner=name).drop("miner")
        assert mined.equals(pl.DataFrame(retrieve(miner, table, pids, depth, 100)))


@given(st.lists(WORDS, min_size=1, max_size=8), st.lists(WORDS, min_size=1, max_size=5), st.integers(1, 10))
def test_each_query_and_miner_has_the_ranks_from_1_to_n_by_falling_score(passages, queries, depth):
    miners = {"bm25": Bm25Config().build(passages)}
    rows = mine(queries_of(queries), [f"p{n}" for n in range(len(passages))], miners, depth)
    for _, group in pl.DataFrame(rows).group_by("qid"):
        assert group["rank"].to_list() == list(range(1, len(group) + 1))
        assert (np.diff(group["score"].to_numpy()) <= 0).all()
        assert len(group) <= depth


def test_queries_without_judgement_are_not_mined_and_the_rest_come_by_qid():
    rows = [
        ("q2", "rhine", "human", None, "test"),
        ("q3", "alps", "human", None, "unjudged"),
        ("g-p1-1", "coal", "generated", "p1", "train"),
        ("q1", "gold", "human", None, "dev"),
    ]
    assert wanted(from_rows(rows, QUERIES))["qid"].to_pylist() == ["g-p1-1", "q1", "q2"]


def publish(store, stage, *tables):
    def fill(draft, store, config):
        for table, schema in tables:
            draft.write(table, schema)

    return Stage(name=stage, module="tasks.stage", body=fill).run(store, Settings(), {})


@pytest.fixture
def collection(store, tiny_collection):
    tables = tiny_collection["passages"], tiny_collection["queries"]
    return publish(store, "ingest", *zip(tables, (PASSAGES, QUERIES), strict=True))


@pytest.fixture
def generated(store):
    rows = [("g-gold-1-1", "coins that never rust", "generated", "gold-1", "train")]
    return publish(store, "generate_queries", (from_rows(rows, QUERIES), QUERIES))


def candidates_of(store, config, **inputs):
    ref = mine_candidates.run(store, config, {"generated": None, **inputs})
    return pl.DataFrame(store.read(CANDIDATES, ref)), store.facts(ref)


def test_human_and_generated_queries_are_mined_by_every_miner(store, collection, generated, caplog):
    miners = (Bm25Config(), Bm25Config(name="short", k1=0.9, b=0.4, stopwords="none"))
    with caplog.at_level(logging.INFO, logger="distill"):
        rows, facts = candidates_of(
            store, MineConfig(depth=3, miners=miners), collection=collection, generated=generated
        )
    assert rows["qid"].n_unique() == 10
    assert rows["rank"].max() == 3
    assert set(rows["miner"]) == {"bm25", "short"}
    # By eye: two passages on gold say "gold", one of them "never rusts"; "coins" is in the other.
    assert rows.filter(qid="g-gold-1-1", miner="bm25", rank=1)["pid"].to_list() == ["gold-2"]
    described = "rank-bm25 lucene k1=0.9 b=0.4 idf=log(1+(N-n+.5)/(n+.5))"
    assert facts["miners"]["short"] == described
    assert f"miner short: {described}" in caplog.messages
    assert (facts["queries"], facts["depth"]) == (10, 3)


def test_the_batch_changes_neither_address_nor_bytes(store, collection):
    refs = [
        mine_candidates.run(
            store, MineConfig(batch_queries=batch), {"collection": collection, "generated": None}, force=True
        )
        for batch in (1, 4, 100)
    ]
    assert len({ref.key for ref in refs}) == 1
    tables = [store.read(CANDIDATES, ref) for ref in refs]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_queries_that_no_word_leads_anywhere_are_counted(store, collection):
    rows = [("q", "platinum", "human", None, "train"), ("r", "rhine platinum", "human", None, "train")]
    strange = publish(store, "strange", (from_rows(rows, QUERIES), QUERIES))
    mined, facts = candidates_of(store, MineConfig(), collection=collection, generated=strange)
    assert facts["queries_without_candidate"] == {"bm25": 1}
    assert "q" not in mined["qid"]


def test_a_dense_miner_finds_the_same_passages_for_the_same_text(store, collection, tiny_backbone):
    encoder = {"model": str(tiny_backbone), "precision": "float32"}
    config = MineConfig(depth=2, miners=({"kind": "dense", "name": "tiny", "encoder": encoder},))
    rows, facts = candidates_of(store, config, collection=collection)
    assert set(rows["miner"]) == {"tiny"}
    assert len(rows) == 2 * 9
    assert facts["miners"] == {"tiny": "faiss flat dim=32"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"miners": [{"kind": "bm25"}, {"kind": "bm25"}]},
            "found the name 'bm25' 2 times; expected distinct names",
        ),
        ({"miners": []}, "at least 1 item"),
        ({"depth": -1}, "depth"),
        ({"miners": [{"kind": "tfidf"}]}, "'bm25', 'dense'"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        MineConfig.model_validate(values)
