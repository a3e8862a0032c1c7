import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from models.cluster_lessons import Asks, Pool, asks_of, draw, plan
from models.generators.spans import SpansConfig
from models.training import TrainingConfig

SPANS = SpansConfig(per_passage=1, span_words=3, sentence_share=0.0)


def asks_with(known, passages, texts=10):
    codes = np.unique(np.array([ask * passages + passage for ask, passage in known], dtype=np.int64))
    empty = pl.DataFrame(schema={"ask": pl.Int64, "passage": pl.Int64})
    frame = pl.DataFrame({"ask": range(texts), "text": ["x"] * texts})
    return Asks(
        frame, texts, 0, pl.DataFrame(known, schema=empty.schema, orient="row"), codes, empty, passages
    )


@pytest.fixture
def plain(make_lesson):
    return asks_of(make_lesson(), generated_share=1.0, spans=None, miner=None)


@pytest.fixture
def pids(tiny_collection):
    return sorted(tiny_collection["passages"]["pid"].to_pylist())


def test_asks_are_the_answered_train_queries_in_order(plain, pids):
    assert plain.texts["text"].to_list() == [
        "where does the rhine rise",
        "what do barges carry",
        "source of the danube",
        "yellow metal",
    ]
    named = [pids[row] for row in plain.answers["passage"]]
    assert named == ["rhine-1", "rhine-2", "danube-1", "gold-1"]
    assert plain.answers["ask"].to_list() == [0, 1, 2, 3]


def test_pieces_follow_the_queries_and_ask_for_their_own_passage(make_lesson, pids, tiny_collection):
    asks = asks_of(make_lesson(), generated_share=1.0, spans=SPANS, miner=None)
    texts = dict(zip(pids, pl.DataFrame(tiny_collection["passages"]).sort("pid")["text"], strict=True))
    pairs = asks.answers.filter(pl.col("ask") >= asks.queries).join(asks.texts, on="ask")
    assert pairs.height == 12
    assert all(text in texts[pids[passage]] for passage, text in pairs.select("passage", "text").iter_rows())


def test_generated_queries_ask_for_the_passage_they_were_made_from(make_lesson, tiny_collection, pids):
    """Every pair of a text and its passage is told by name, so that no shift of rows can mix them up."""
    written = pl.DataFrame(tiny_collection["queries"]).clear()
    rows = [(f"g{place}", f"about {pid}", "generated", pid, "train") for place, pid in enumerate(pids)]
    queries = pl.concat(
        [
            pl.DataFrame(tiny_collection["queries"]),
            pl.DataFrame(rows[::-1], schema=written.schema, orient="row"),
        ]
    )
    asks = asks_of(make_lesson(queries=queries), generated_share=1.0, spans=SPANS, miner=None)
    told = asks.answers.join(asks.texts, on="ask").filter(pl.col("text").str.starts_with("about"))
    assert asks.generated == len(pids)
    assert sorted(told["text"]) == sorted(f"about {pids[passage]}" for passage in told["passage"])
    assert asks_of(make_lesson(queries=queries), generated_share=0.0, spans=None, miner=None).generated == 0


def test_copies_of_an_answer_and_decided_passages_are_known(make_lesson, tiny_collection, pids):
    passages = pl.DataFrame(tiny_collection["passages"])
    text = passages.filter(pid="rhine-1")["text"].item()
    copied = passages.with_columns(
        text=pl.when(pl.col("pid") == "bach-2").then(pl.lit(text + " ")).otherwise("text")
    )
    decisions = pl.DataFrame(
        {
            "qid": ["q01", "q01", "q99"],
            "pid": ["rhine-2", "gold-1", "gold-2"],
            "action": ["drop", "relabel", "drop"],
        }
    )
    lesson = make_lesson(passages=copied, decisions=decisions)
    asks = asks_of(lesson, generated_share=1.0, spans=None, miner=None)
    of_first = [pids[code] for code in asks.known.tolist() if code < asks.passages]
    assert of_first == ["bach-2", "gold-1", "rhine-1", "rhine-2"]
    assert [pids[row] for row in asks.answers.filter(ask=0)["passage"]] == ["gold-1", "rhine-1"]


def test_mined_passages_are_those_of_the_miner(make_lesson):
    asks = asks_of(make_lesson(), generated_share=1.0, spans=None, miner="words")
    assert asks.mined.height == 4 * 12
    with pytest.raises(ConfigError, match="no candidates of a miner 'bm25'; expected a miner of that name"):
        asks_of(make_lesson(), generated_share=1.0, spans=None, miner="bm25")


def test_queries_without_answers_teach_nothing(make_lesson, tiny_collection):
    lesson = make_lesson(qrels=pl.DataFrame(tiny_collection["qrels"]).clear())
    with pytest.raises(
        ConfigError, match="no query of the split train that has an answer; expected at least one"
    ):
        asks_of(lesson, generated_share=1.0, spans=None, miner=None)


def test_an_epoch_holds_each_pair_once_in_an_order_of_its_own(plain):
    lists = plan(plain, TrainingConfig(epochs=2.5), seed=3).tolist()
    pairs = plain.answers.rows()
    assert len(lists) == 10
    for epoch in (lists[:4], lists[4:8]):
        assert sorted(map(tuple, epoch)) == sorted(pairs)
    assert plan(plain, TrainingConfig(epochs=2.5), seed=3).tolist() == lists
    assert plan(plain, TrainingConfig(epochs=25), seed=4).tolist()[:40] != (lists * 4)[:40]


@st.composite
def pools(draw):
    passages = draw(st.integers(1, 12))
    leaves = np.array(draw(st.lists(st.integers(0, 2), min_size=passages, max_size=passages)))
    lists = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, passages - 1)), min_size=1, max_size=8))
    more = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, passages - 1)), max_size=10))
    return leaves, np.array(lists), asks_with([*lists, *more], passages)


@given(pools(), st.integers(1, 5), st.integers(0, 3))
def test_negatives_are_of_the_answers_cluster_distinct_and_not_known(drawn, intra, seed):
    leaves, lists, asks = drawn
    pool = Pool.of(leaves, np.arange(len(leaves)), 3, leaves[lists[:, 1]])
    found = draw(lists, pool, asks, intra=intra, seed=seed)
    known = set(asks.known.tolist())
    for (ask, answer), row in zip(lists.tolist(), found.tolist(), strict=True):
        free = {
            passage
            for passage in np.flatnonzero(leaves == leaves[answer]).tolist()
            if ask * asks.passages + passage not in known
        }
        chosen = [passage for passage in row if passage != answer]
        assert set(chosen) <= free
        assert len(set(chosen)) == len(chosen) == min(intra, len(free))
        # What is lacking is filled up with the answer.
        assert len(row) == intra


def test_drawing_changes_no_cluster_and_depends_on_the_seed():
    leaves = np.zeros(9, dtype=np.int64)
    lists = np.array([[0, 0], [1, 3], [0, 0]])
    asks = asks_with([(0, 0), (1, 3)], 9)
    pool = Pool.of(leaves, np.arange(9), 1, leaves[lists[:, 1]])
    before = pool.members.tolist()
    one, same, other = (draw(lists, pool, asks, intra=3, seed=seed).tolist() for seed in (0, 0, 1))
    assert one == same != other
    assert pool.members.tolist() == before
    # A positive stays among the negatives of others.
    assert 0 in np.concatenate([draw(lists, pool, asks, intra=8, seed=0)[1]]).tolist()


def test_random_negatives_come_from_everywhere():
    lists = np.array([[0, 0]] * 200)
    found = draw(lists, None, asks_with([(0, 0)], 30), intra=4, seed=0)
    assert set(found.ravel().tolist()) == set(range(1, 30)) | ({0} & set(found.ravel().tolist()))
