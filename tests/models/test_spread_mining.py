import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import tables
from data.schemas import CANDIDATES, PASSAGES, QUERIES
from data.spreading import spread_by
from data.tables import check, from_rows
from models import spread_mining as module
from models.retrievers import DenseConfig
from models.retrievers.bm25 import Bm25Config
from models.spread_mining import Asked, mine, mined

WORDS = st.lists(st.sampled_from(["rhine", "alps", "coal", "gold"]), min_size=1, max_size=4).map(" ".join)


def here(work, pieces, what):
    done = []
    for piece in pieces:
        done.append(work(piece, done[0] if done else None))
    return done


def queries_of(texts):
    return from_rows([(f"q{n:02}", text, "human", None, "train") for n, text in enumerate(texts)], QUERIES)


def passages_of(folder, texts):
    path = folder / "passages.parquet"
    tables.write(from_rows([(f"p{n}", "", text) for n, text in enumerate(texts)], PASSAGES), PASSAGES, path)
    return path


@given(
    st.lists(WORDS, min_size=1, max_size=6),
    st.lists(WORDS, max_size=6),
    st.integers(1, 8),
    st.integers(1, 7),
)
def test_batches_that_another_mines_are_those_that_are_mined_here(
    tmp_path_factory, store, texts, asked, depth, batch
):
    path = passages_of(tmp_path_factory.mktemp("p"), texts)
    order = Asked((Bm25Config(), Bm25Config(name="short", b=0.0)), depth, batch, path)
    with mined(order, queries_of(asked), store) as found:
        local = [*found.batches]
    with spread_by(here), mined(order, queries_of(asked), store) as again:
        assert [*again.batches] == local
        assert again.descriptions == found.descriptions
    assert len(local) == -(-len(asked) // batch)


def test_a_dense_miner_reads_the_vectors_that_were_made_before(
    store, tiny_collection, tiny_backbone, tmp_path, monkeypatch
):
    path = tmp_path / "passages.parquet"
    pq.write_table(tiny_collection["passages"], path)
    miner = DenseConfig.model_validate({"encoder": {"model": str(tiny_backbone), "precision": "float32"}})
    order = Asked((miner,), 3, 2, path)
    monkeypatch.setattr(module, "CHUNK_PASSAGES", 5)
    with mined(order, tiny_collection["queries"], store) as found:
        local = [*found.batches]
    with spread_by(here), mined(order, tiny_collection["queries"], store) as again:
        assert [*again.batches] == local
    built = miner.build([f"{p['title']} {p['text']}" for p in tiny_collection["passages"].to_pylist()])
    pids = tiny_collection["passages"]["pid"].to_pylist()
    whole = mine(tiny_collection["queries"], pids, {"dense": built}, 3)
    assert pl.concat(map(pl.DataFrame, local)).drop("score").equals(pl.DataFrame(whole).drop("score"))


def test_one_query_by_hand():
    miners = {"bm25": Bm25Config().build(["gold", "coal", "gold gold"])}
    found = mine(queries_of(["gold"]), ["a", "b", "c"], miners, 5)
    check(found, CANDIDATES)
    # Twice the word in two words beats once in one; "coal" does not hold it.
    assert [(row["pid"], row["rank"]) for row in found.to_pylist()] == [("c", 1), ("a", 2)]


@pytest.mark.parametrize("asked", [[], ["platinum"]])
def test_nothing_is_found_where_nothing_is_asked_or_known(asked):
    miners = {"bm25": Bm25Config().build(["gold"])}
    found = mine(queries_of(asked), ["a"], miners, 5)
    check(found, CANDIDATES)
    assert found.num_rows == 0
