"""From tables to GDR's lists: an ask, its answer, and negatives from the answer's own cluster.

    asks    human queries; a share of the generated ones; spans of passages, which ask for their passage
    list    ask, answer, then the ``intra`` of the pool's passages with the smallest random number
    pool    the answer's cluster, or what a miner found for the ask, or all passages

Each epoch draws anew. Never a negative: what is known to answer the ask, what says the same as such a
passage, and what the table ``decisions`` names; what it relabels is an answer. The clusters themselves are
only read: a passage stays in its own whoever asked for it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from data.errors import ConfigError
from data.known_answers import known_answers
from models.batches import train_queries
from models.false_negatives.decisions import verdicts
from models.false_negatives.same_text import text_keys
from models.generators.spans import SpansConfig
from models.student import Lesson
from models.training import TrainingConfig

PoolName = Literal["cluster", "bm25", "random"]
PAIR = ("ask", "passage")
# Two uses of one seed, which must not draw the same numbers.
ORDER, NEGATIVES = 0, 1
# Pairs of list and pool drawn at a time.
PAIRS = 4_000_000


@dataclass(frozen=True)
class Asks:
    """What is asked, by number: queries first, then spans.

    ``answers`` are the pairs to learn, and ``known`` all that are no negatives, both of columns ask and
    passage, a passage by its row in the table ``passages``; ``mined`` are those of the miner. ``generated``
    counts the queries that were.
    """

    texts: pl.DataFrame
    queries: int
    generated: int
    answers: pl.DataFrame
    known: Int64[np.ndarray, " pair"]
    mined: pl.DataFrame
    passages: int


def asks_of(lesson: Lesson, *, generated_share: float, spans: SpansConfig | None, miner: str | None) -> Asks:
    """Number what is asked and what is known of it.

    Args:
        lesson: gives the tables.
        generated_share: of the generated queries, chosen by hash.
        spans: which pieces of passages ask, too; None: none.
        miner: whose passages are negatives; None: of none.

    Raises:
        ConfigError: no query of the split train has an answer, or the miner found nothing.
    """
    passages = lesson.passages.select("pid", "title", "text").collect().sort("pid").with_row_index("passage")
    queries = train_queries(lesson, generated_share)
    known = known_answers(queries, lesson.qrels)
    decided = _decided(lesson, known)
    wanted = pl.concat([known, decided.filter(action="relabel").select("qid", "pid")]).unique()
    queries = queries.join(wanted, on="qid", how="semi", maintain_order="left").with_row_index("ask")
    if queries.is_empty():
        raise ConfigError(
            where="train_student",
            found="no query of the split train that has an answer",
            expected="at least one",
            advice="Give judgements of training queries, or let queries be generated.",
        )
    pieces = _pieces(passages, spans, lesson.seed, queries.height)
    answers = pl.concat([_numbered(wanted, queries, passages), pieces.select(*PAIR)]).sort(*PAIR)
    never = pl.concat([answers, _numbered(decided, queries, passages), _copies(answers, passages)])
    codes = never.select(pl.col("ask") * passages.height + pl.col("passage")).to_series()
    return Asks(
        texts=pl.concat([queries.select(pl.col("ask").cast(pl.Int64), "text"), pieces.select("ask", "text")]),
        queries=queries.height,
        generated=queries.filter(origin="generated").height,
        answers=answers,
        known=np.unique(codes.to_numpy()),
        mined=_numbered(_mined(lesson, miner), queries, passages),
        passages=passages.height,
    )


def _decided(lesson: Lesson, known: pl.DataFrame) -> pl.DataFrame:
    if lesson.decisions is None:
        return known.clear().with_columns(action=pl.lit("drop"))
    pairs = verdicts(lesson.decisions).join(known.lazy(), on="qid", how="semi")
    return pairs.join(known.lazy(), on=["qid", "pid"], how="anti").select("qid", "pid", "action").collect()


def _mined(lesson: Lesson, miner: str | None) -> pl.DataFrame:
    found = lesson.candidates.filter(pl.col("miner") == (miner or "")).select("qid", "pid").collect()
    if miner and found.is_empty():
        raise ConfigError(
            where="train_student",
            found=f"no candidates of a miner {miner!r}",
            expected="a miner of that name in section mine, whose passages are the negatives",
            advice='Add it, or take negatives = "cluster".',
        )
    return found


def _numbered(pairs: pl.DataFrame, queries: pl.DataFrame, passages: pl.DataFrame) -> pl.DataFrame:
    named = pairs.join(queries.select("qid", "ask"), on="qid").join(
        passages.select("pid", "passage"), on="pid"
    )
    return named.select(pl.col(*PAIR).cast(pl.Int64)).unique().sort(*PAIR)


def _pieces(passages: pl.DataFrame, spans: SpansConfig | None, seed: int, first: int) -> pl.DataFrame:
    """Spans (ask, passage, text), numbered from ``first``."""
    texts = spans.generate(passages["title"].to_list(), passages["text"].to_list(), seed) if spans else ()
    found = [(passage, text) for passage, each in enumerate(texts) for text in each]
    frame = pl.DataFrame(found, schema={"passage": pl.Int64, "text": pl.String}, orient="row")
    return frame.with_columns(ask=pl.int_range(pl.len(), dtype=pl.Int64) + first)


def _copies(answers: pl.DataFrame, passages: pl.DataFrame) -> pl.DataFrame:
    """Pairs of asks and the passages that say what an answer says."""
    keys = text_keys(passages.lazy()).join(passages.select("pid", pl.col("passage").cast(pl.Int64)), on="pid")
    said = answers.join(keys, on="passage").select("ask", "text_key").unique()
    return said.join(keys, on="text_key").select(*PAIR)


def plan(asks: Asks, training: TrainingConfig, seed: int) -> Int64[np.ndarray, "list 2"]:
    """Ask and answer of every list of the training, in the order in which they are learned."""
    pairs = asks.answers.to_numpy()
    wanted = training.lists(len(pairs))
    epochs = range(math.ceil(wanted / len(pairs)))
    order = [np.random.default_rng([seed, ORDER, epoch]).permutation(len(pairs)) for epoch in epochs]
    return pairs[np.concatenate(order)[:wanted]].astype(np.int64)


@dataclass(frozen=True)
class Pool:
    """Where negatives come from: groups of passages, one after the other, and the group of each list."""

    starts: Int64[np.ndarray, " group"]
    members: Int64[np.ndarray, " member"]
    of_list: Int64[np.ndarray, " list"]

    @staticmethod
    def of(
        groups: Int64[np.ndarray, " member"],
        members: Int64[np.ndarray, " member"],
        count: int,
        of_list: Int64[np.ndarray, " list"],
    ) -> "Pool":
        """Gather the members of each of ``count`` groups."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=count))])
        return Pool(starts, members[np.argsort(groups, kind="stable")], of_list)


def draw(
    lists: Int64[np.ndarray, "list 2"],
    pool: Pool | None,
    asks: Asks,
    *,
    intra: int,
    seed: int,
) -> Int64[np.ndarray, "list negative"]:
    """Draw the negatives of each list from its group of the pool, without replacement.

    What is known to answer is left out; a list with too few repeats its answer, which is no negative.

    Args:
        lists: ask and answer.
        pool: None: twice as many as are wanted, from all passages.
        asks: say what is known.
        intra: negatives of a list.
        seed: of the numbers.
    """
    random = np.random.default_rng([seed, NEGATIVES])
    found = np.repeat(lists[:, 1:], intra, axis=1)
    sizes = np.full(len(lists), 2 * intra) if pool is None else np.diff(pool.starts)[pool.of_list]
    step = max(1, PAIRS // max(1, int(sizes.max(initial=1))))
    for first in range(0, len(lists), step):
        some = slice(first, first + step)
        owner = np.repeat(np.arange(len(sizes[some])), sizes[some])
        if pool is None:
            passage = random.integers(asks.passages, size=len(owner))
        else:
            within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes[some]) - sizes[some], sizes[some])
            passage = pool.members[pool.starts[pool.of_list[some]][owner] + within]
        is_free = ~_is_known(lists[some][owner, 0], passage, asks)
        owner, passage = owner[is_free], passage[is_free]
        order = np.lexsort((random.random(len(owner)), owner))
        owner, passage = owner[order], passage[order]
        counts = np.bincount(owner, minlength=len(sizes[some]))
        turn = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        kept = turn < intra
        found[some][owner[kept], turn[kept]] = passage[kept]
    return found


def _is_known(
    ask: Int64[np.ndarray, " pair"], passage: Int64[np.ndarray, " pair"], asks: Asks
) -> Bool[np.ndarray, " pair"]:
    codes = ask * asks.passages + passage
    at = np.searchsorted(asks.known, codes)
    return asks.known[np.minimum(at, len(asks.known) - 1)] == codes
