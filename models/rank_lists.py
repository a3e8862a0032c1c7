"""Rank lists: for a query, passages that the student found itself, in the order that its teacher gives them.

    list(q) = [ best answer found, another answer by lot, best other passage, others by lot ]     before
              [ best answer found, another answer by lot, others as the teacher ranks them ]      after

What may stand in a list is what the student retrieves before it learns: elsewhere it has no identifier that
could be made more or less likely. Where there is no teacher, the others stay in the student's own order, so
that a control learns from the same passages. A passage that is known to answer, says what an answer says, or
is decided on, is never one of the others (``models.false_negatives``).

A query is kept if an answer was found, if enough others were, and if the best of them comes nearer to the
answer than the margin: what is in order already teaches nothing. Source: Li et al. 2024,
https://arxiv.org/abs/2402.10769, and its code. Differs: a list is drawn once and not anew at each step, and
the teacher is asked about what stands in lists, not about all that was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from pydantic import Field, PositiveInt

from data.errors import ConfigError
from data.known_answers import known_answers
from data.splits import places, sample
from models.asking import PAIR, ask
from models.false_negatives.sorting import Sorted, sort_out
from models.retriever import Retriever
from models.settings import Settings
from models.student import Lesson

QUERIES_AT_ONCE = 256
# Where passages stand in a list: the best answer, another one, and all else.
ANSWER, OTHER_ANSWER, OTHER = 0, 1, 2


class RankListSettings(Settings):
    """How long lists are, and which queries have one."""

    length: int = Field(default=8, ge=2, description="Passages of a list, its answer included; DGR's 8.")
    keys_per_passage: PositiveInt = Field(
        default=40, description="Identifiers by which a passage is scored, the weightiest; DGR's 40."
    )
    depth: PositiveInt = Field(default=200, description="Passages retrieved for a query; DGR's 200.")
    max_queries: PositiveInt | None = Field(
        default=None, description="Human train queries to retrieve for, chosen by hash; None: all."
    )
    min_negatives: PositiveInt = Field(
        default=16,
        description="Found besides answers, or the query has no list; DGR's more than 15. Where depth or the "
        "collection is small, a quarter of it is enough.",
    )
    only_violating: bool = Field(
        default=True, description="Leave out lists whose answer is ahead by the margin; DGR's. False: none."
    )


class Explained(Retriever, Protocol):
    """A retriever that tells by which of a query's keys it found a passage."""

    def matches(self, keys: Any, rows: Sequence[int]) -> list[list[tuple[int, float]]]:  # noqa: ANN401
        """Of each row: positions of keys, the weightiest first, and the share of its weight each adds."""
        ...


@dataclass(frozen=True)
class RankList:
    """A query, the keys that its passages were found by, and the passages in the order to be learned.

    ``answer`` is the row of passage 0, the best answer found; where there ``is_second``, passage 1 is another
    answer, else the first of the others. ``entries`` are (passage, key, share): the score of a passage is the
    sum of share · weight(key). What a weight depends on besides the model are ``log_shares`` and ``raised``
    (``models.losses.log_odds``). ``scores`` are the student's before it learns, ``teacher`` the teacher's.
    """

    qid: str
    query: str
    answer: int
    views: tuple[int, ...]
    tokens: tuple[tuple[int, ...], ...]
    log_shares: tuple[float, ...]
    raised: tuple[bool, ...]
    entries: tuple[tuple[int, int, float], ...]
    scores: tuple[float, ...]
    teacher: tuple[float, ...] | None
    is_second: bool

    @property
    def first(self) -> tuple[int, ...]:
        """Places of the list that the best answer heads."""
        skipped = 1 if self.is_second else 0
        return (0, *range(1 + skipped, len(self.scores)))

    @property
    def second(self) -> tuple[int, ...]:
        """Places of the list that another answer heads, if one was found; else the same list again."""
        return tuple(range(1, len(self.scores))) if self.is_second else self.first

    def is_violated(self, margin: float) -> bool:
        """Whether some passage comes nearer to the best answer than ``margin``."""
        answer, *others = (self.scores[place] for place in self.first)
        return max(others) + margin > answer

    @property
    def contradicts(self) -> bool:
        """Whether the teacher puts a passage above the answer that the judgements name."""
        if self.teacher is None:
            return False
        answer, *others = (self.teacher[place] for place in self.first)
        return max(others) > answer


@dataclass(frozen=True)
class RankLists:
    """All lists, and what became of the queries."""

    lists: list[RankList]
    facts: dict[str, float]


def mine(lesson: Lesson, retriever: Explained, settings: RankListSettings) -> RankLists:
    """Retrieve for the train queries, draw their lists, and let the teacher order them.

    Args:
        lesson: with answers and a scorer where there is a teacher.
        retriever: the student's before it learns, over the lesson's passages in the order of their pid.
        settings: which lists.

    Raises:
        ConfigError: no query has an answer and another passage among what was retrieved.
    """
    queries = _queries(lesson, settings.max_queries)
    pids = lesson.passages.select("pid").collect()["pid"]
    depth = min(settings.depth, len(pids))
    keys, found = _retrieve(retriever, queries, pids, depth)
    known = known_answers(queries, lesson.qrels)
    rivals = found.select(PAIR).join(known, on="qid", how="semi")
    parted = sort_out(rivals, known, lesson.passages, lesson.decisions)
    needed = max(1, min(settings.min_negatives, depth // 4))
    members, counts = _draw(found, parted, needed, settings.length, lesson.seed)
    if members.is_empty():
        raise ConfigError(
            where="train_student",
            found=f"{queries.height} train queries, none with an answer and {needed} other passages among "
            f"the {depth} that the base retrieves",
            expected="at least one",
            advice="Train the base longer, raise lists.depth, or lower lists.min_negatives.",
        )
    members, asked = _ordered(members, lesson)
    texts = queries["text"]
    lists = [
        _list(retriever, keys[number], texts[number], rows, settings.keys_per_passage)
        for (number,), rows in members.group_by("query", maintain_order=True)
    ]
    facts = {"queries": queries.height, **counts, "teacher_pairs_asked": asked}
    facts |= {"negatives_dropped": parted.dropped, "negatives_relabelled": parted.relabelled}
    return RankLists(lists, {name: float(value) for name, value in facts.items()})


def _queries(lesson: Lesson, limit: int | None) -> pl.DataFrame:
    train = lesson.queries.filter(pl.col("split") == "train", pl.col("origin") == "human")
    queries = train.select("qid", "text", "source_pid").collect().sort("qid")
    return queries.filter(pl.Series(sample(queries["qid"].to_list(), limit), dtype=pl.Boolean))


def _retrieve(
    retriever: Explained, queries: pl.DataFrame, pids: pl.Series, depth: int
) -> tuple[list[Any], pl.DataFrame]:
    """The keys of each query, and what they find: query (its number), qid, pid, row, rank."""
    keys: list[Any] = []
    parts: list[pl.DataFrame] = []
    for some in queries.iter_slices(QUERIES_AT_ONCE):
        encoded = retriever.encode(some["text"].to_list())
        rows = retriever.search(encoded, depth).rows
        numbers = np.arange(len(keys), len(keys) + len(rows))
        columns = {
            "query": np.repeat(numbers, rows.shape[1]),
            "row": rows.ravel(),
            "rank": np.tile(np.arange(1, rows.shape[1] + 1), len(rows)),
        }
        parts.append(pl.DataFrame(columns).filter(pl.col("row") >= 0))
        keys += encoded
    empty = pl.DataFrame(schema={"query": pl.Int64, "row": pl.Int64, "rank": pl.Int64})
    found = pl.concat([empty, *parts])
    return keys, found.with_columns(qid=queries["qid"].gather(found["query"]), pid=pids.gather(found["row"]))


def _draw(
    found: pl.DataFrame, parted: Sorted, needed: int, length: int, seed: int
) -> tuple[pl.DataFrame, dict[str, int]]:
    """What stands in the lists, with its ``role``, and how many queries have none and why."""
    lot = pl.Series(
        places([f"{qid}\0{pid}" for qid, pid in found.select(PAIR).iter_rows()], f"rank lists {seed}"),
        dtype=pl.UInt64,
    )
    found = found.with_columns(lot=lot).sort("query", "rank")
    # The best comes first, whatever its lot.
    at = pl.int_range(pl.len()).over("query")
    answers = found.join(parted.positives, on=PAIR, how="semi", maintain_order="left")
    answers = answers.with_columns(lot=pl.when(at == 0).then(0).otherwise("lot")).sort("query", "lot")
    answers = answers.filter(at < 2).with_columns(role=at.clip(ANSWER, OTHER_ANSWER))
    others = found.join(parted.negatives, on=PAIR, how="semi", maintain_order="left")
    others = others.filter(pl.len().over("query") >= needed)
    others = others.with_columns(lot=pl.when(at == 0).then(0).otherwise("lot")).sort("query", "lot")
    others = others.filter(at < length - 1).with_columns(role=pl.lit(OTHER, dtype=pl.Int64))
    whole = answers.join(others, on="query", how="semi")
    members = pl.concat([whole, others.join(answers, on="query", how="semi")])
    counts = {
        "queries_without_answer": found["query"].n_unique() - answers["query"].n_unique(),
        "queries_with_few_others": answers["query"].n_unique() - whole["query"].n_unique(),
    }
    return members, counts


def _ordered(members: pl.DataFrame, lesson: Lesson) -> tuple[pl.DataFrame, int]:
    """Add the teacher's scores, if there is one, and sort by them; and how many it was asked for."""
    if lesson.answers is None or lesson.scorer is None:
        return members.with_columns(teacher=pl.lit(None, dtype=pl.Float32)).sort("query", "role", "rank"), 0
    told = ask(members, lesson.answers, lesson.scorer, lesson.teacher)
    scores = told.answers.rename({"score": "teacher"}).join(members.lazy(), on=PAIR, how="semi").collect()
    scored = members.join(scores, on=PAIR, how="left")
    return scored.sort("query", "role", -pl.col("teacher"), "rank"), told.asked


def _list(retriever: Explained, keys: Any, query: str, rows: pl.DataFrame, most: int) -> RankList:  # noqa: ANN401
    """Look up by which keys the passages of a list were found, and number these anew."""
    found = [some[:most] for some in retriever.matches(keys, rows["row"].to_list())]
    used = sorted({key for some in found for key, _ in some})
    number = {key: place for place, key in enumerate(used)}
    teacher = rows["teacher"]
    return RankList(
        qid=rows["qid"][0],
        query=query,
        answer=rows["row"][0],
        views=tuple(int(keys.views[key]) for key in used),
        tokens=tuple(tuple(keys.tokens[key]) for key in used),
        log_shares=tuple(float(keys.log_share[key]) for key in used),
        raised=tuple(bool(keys.is_raised[key]) for key in used),
        entries=tuple((at, number[key], share) for at, some in enumerate(found) for key, share in some),
        scores=tuple(sum(share * float(keys.weight[key]) for key, share in some) for some in found),
        teacher=None if teacher.has_nulls() else tuple(teacher.to_list()),
        is_second=bool((rows["role"] == OTHER_ANSWER).any()),
    )
