"""From tables to what a training reads: for every query one positive and some hard negatives, step by step.

    own(q, p⁺)  = p⁺, then the ``negatives`` mined passages with the smallest u(q, p⁺, p; seed, epoch)
    list(q, p⁺) = own(q, p⁺), then up to ``shared`` passages of own(q', ·) of the same step that were mined
                  for q as well: they are encoded anyway, so a longer list costs next to nothing

where u is a hash. No loss and no teacher enters the choice: a student and its control learn from the same
lists in the same order. Never a negative: a passage that is known to answer the query, one that says what
such a passage says, nor one that the table ``decisions`` names; one that it relabels is a positive. What a
query loses so is counted, and not replaced by passages from below the depth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, NonNegativeInt, PositiveInt

from data.errors import ConfigError, SchemaError
from data.known_answers import known_answers
from data.splits import places
from models.false_negatives.sorting import Sorted, sort_out
from models.settings import Settings
from models.student import Lesson
from models.texts import passage_texts
from models.training import TrainingConfig

GENERATED = "share of generated queries"


class ListSettings(Settings):
    """Which passages a query is taught with."""

    negatives: PositiveInt = Field(
        default=7, description="Drawn for each positive; where fewer were mined, some are repeated."
    )
    shared: NonNegativeInt = Field(
        default=0, description="Passages of other queries of the step that join, where they were mined too."
    )
    negative_depth: PositiveInt = Field(
        default=50, description="Negatives are among this many best passages of each miner."
    )
    generated_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the generated queries to learn from, chosen by hash."
    )

    @property
    def length(self) -> int:
        """Passages of a list."""
        return 1 + self.negatives + self.shared


@dataclass(frozen=True)
class Lists:
    """Lists in the order in which they are learned from, and the texts that they name.

    ``rows``: query_id, document_ids (the positive first) and, where there are answers, label (the
    teacher's logits). ``dropped`` counts the queries that have no positive or no negative, ``short`` the
    lists that repeat a negative because their query has too few; ``mined`` says what became of candidates.
    """

    rows: pl.DataFrame
    queries: pl.DataFrame
    documents: pl.DataFrame
    used: int
    dropped: int
    short: int
    mined: Sorted

    def facts(self, training: TrainingConfig) -> dict[str, float]:
        """How much there was to learn from."""
        counts = {
            "queries": self.used,
            "queries_dropped": self.dropped,
            "lists": self.rows.height,
            "steps": training.steps(self.rows.height),
            "negatives_dropped": self.mined.dropped,
            "negatives_relabelled": self.mined.relabelled,
            "lists_short": self.short,
        }
        return {name: float(count) for name, count in counts.items()}


def draw_lists(lesson: Lesson, settings: ListSettings, training: TrainingConfig, template: str) -> Lists:
    """Draw the lists of all queries of the split ``train``, for every step of the training.

    Raises:
        ConfigError: no query has both a positive and a negative.
        SchemaError: a passage of a list has no answer.
    """
    queries = train_queries(lesson, settings.generated_share)
    known = known_answers(queries, lesson.qrels)
    mined = sort_out(_mined(lesson, known, settings.negative_depth), known, lesson.passages, lesson.decisions)
    used = mined.positives.join(mined.negatives, on="qid", how="semi")
    if used.is_empty():
        raise ConfigError(
            where="train_student",
            found=f"{queries.height} queries of the split train, none with a positive and a mined negative",
            expected="at least one",
            advice="Raise mine.depth or the student's lists.negative_depth, or let queries be generated.",
        )
    planned = _plan(used, training, lesson.seed)
    rows = _draw(planned, mined.negatives, settings, lesson.seed)
    few = mined.negatives.group_by("qid").len().filter(pl.col("len") < settings.negatives)
    if lesson.answers is not None:
        rows = _with_labels(rows, lesson.answers)
    return Lists(
        rows=rows,
        queries=queries.join(used, on="qid", how="semi").select(query_id="qid", text="text"),
        documents=_documents(lesson, rows, template),
        used=used["qid"].n_unique(),
        dropped=queries.height - used["qid"].n_unique(),
        short=planned.join(few, on="qid", how="semi").height,
        mined=mined,
    )


def train_queries(lesson: Lesson, generated_share: float) -> pl.DataFrame:
    """Queries of the split ``train`` to learn from: all human ones, and a share of the generated, by hash."""
    train = lesson.queries.filter(pl.col("split") == "train").select("qid", "text", "origin", "source_pid")
    queries = train.collect().sort("qid")
    place = places(queries["qid"].to_list(), GENERATED).astype(np.float64)
    chosen = pl.Series(place < generated_share * 2.0**64, dtype=pl.Boolean)
    return queries.filter((pl.col("origin") == "human") | chosen)


def _mined(lesson: Lesson, known: pl.DataFrame, depth: int) -> pl.DataFrame:
    """Passages (qid, pid) that a miner has among its best for a query with a known answer."""
    mined = lesson.candidates.filter(pl.col("rank") <= depth).select("qid", "pid").unique()
    return mined.join(known.lazy(), on="qid", how="semi").collect()


def _plan(positives: pl.DataFrame, training: TrainingConfig, seed: int) -> pl.DataFrame:
    """Give list, step, epoch, qid and positive of the whole training; each epoch has its own order."""
    epochs = math.ceil(training.lists(positives.height) / positives.height)
    rows = positives.rename({"pid": "positive"}).join(pl.DataFrame({"epoch": range(epochs)}), how="cross")
    rows = rows.with_columns(order=_hash(rows, ("epoch", "qid", "positive"), seed))
    rows = rows.sort("epoch", "order", "qid", "positive").head(training.lists(positives.height))
    rows = rows.drop("order").with_row_index("list")
    return rows.with_columns(step=pl.col("list") // training.batch_size)


def _draw(plan: pl.DataFrame, negatives: pl.DataFrame, settings: ListSettings, seed: int) -> pl.DataFrame:
    """Give query_id and document_ids of the lists of a plan, in its order."""
    pairs = plan.join(negatives, on="qid")
    pairs = pairs.with_columns(order=_hash(pairs, ("epoch", "qid", "positive", "pid"), seed))
    pairs = pairs.sort("list", "order", "pid")
    own = pairs.filter(pl.int_range(pl.len()).over("list") < settings.negatives)
    lists = own.group_by("list", maintain_order=True).agg("pid")
    if settings.shared:
        more = _shared(pairs, own, plan).group_by("list", maintain_order=True).agg(more="pid")
        lists = lists.join(more, on="list", how="left", maintain_order="left")
        lists = lists.with_columns(pid=pl.concat_list("pid", pl.col("more").fill_null([])))
    # A list that is too short starts again from its first negative, so that all have one length.
    found = pl.col("pid")
    filled = [found.list.get(pl.lit(place) % found.list.len()) for place in range(settings.length - 1)]
    return plan.join(lists, on="list", maintain_order="left").select(
        query_id="qid", document_ids=pl.concat_list("positive", *filled)
    )


def own_passages(rows: pl.DataFrame, settings: ListSettings) -> pl.DataFrame:
    """Lists without labels, for a loss to which every passage of the step is a candidate of every query.

    Shared passages are left out: they would be there twice.
    """
    return rows.select("query_id", pl.col("document_ids").list.head(1 + settings.negatives))


def _shared(pairs: pl.DataFrame, own: pl.DataFrame, plan: pl.DataFrame) -> pl.DataFrame:
    """Pairs (list, pid) of what a step encodes for another list and was mined for this one too."""
    encoded = pl.concat([own.select("step", "pid"), plan.select("step", pid="positive")]).unique()
    others = pairs.join(encoded, on=["step", "pid"], how="semi", maintain_order="left")
    return others.join(own, on=["list", "pid"], how="anti", maintain_order="left").select("list", "pid")


def _hash(rows: pl.DataFrame, columns: Sequence[str], seed: int) -> pl.Series:
    """Give each row one hash of its values in ``columns``."""
    mixed = np.zeros(rows.height, dtype=np.uint64)
    for name in columns:
        distinct = rows[name].unique()
        hashed = pl.Series(places(distinct.cast(pl.String).to_list(), f"{name} {seed}"), dtype=pl.UInt64)
        mixed = _mix(mixed ^ rows[name].replace_strict(distinct, hashed, return_dtype=pl.UInt64).to_numpy())
    return pl.Series(mixed, dtype=pl.UInt64)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter the bits, by the finaliser of SplitMix64 (Steele et al. 2014).

    >>> _mix(np.array([1], np.uint64))
    array([6238072747940578789], dtype=uint64)
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _with_labels(rows: pl.DataFrame, answers: pl.LazyFrame) -> pl.DataFrame:
    """Add the teacher's logits in the order of the passages."""
    pairs = rows.with_row_index("list").explode("document_ids")
    pairs = pairs.rename({"query_id": "qid", "document_ids": "pid"})
    wanted = pairs.lazy().select("qid", "pid").unique()
    scores = answers.select("qid", "pid", "score").join(wanted, on=["qid", "pid"], how="semi").collect()
    scored = pairs.join(scores, on=["qid", "pid"], how="left", maintain_order="left")
    missing = scored.filter(pl.col("score").is_null()).select("qid", "pid").unique()
    if missing.height:
        qid, pid = missing.sort("qid", "pid").row(0)
        msg = (
            f"answers: found no score of {missing.height} pairs, such as ({qid}, {pid}); "
            "expected one for every candidate and known answer. Run score_candidates again."
        )
        raise SchemaError(msg)
    labels = scored.group_by("list", maintain_order=True).agg(label="score")
    return rows.with_columns(labels["label"])


def _documents(lesson: Lesson, rows: pl.DataFrame, template: str) -> pl.DataFrame:
    """Texts (document_id, text) of the passages that stand in a list."""
    used = rows.lazy().select(pid=pl.col("document_ids").explode()).unique()
    passages = lesson.passages.select("pid", "title", "text").join(used, on="pid", how="semi")
    found = passages.collect().sort("pid")
    return pl.DataFrame({"document_id": found["pid"], "text": passage_texts(found.to_arrow(), template)})
