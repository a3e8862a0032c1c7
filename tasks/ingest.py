"""Ingest: a collection from wherever it lies, checked and made into the pipeline's three tables.

Identifiers and texts pass through verbatim. What is decided here is only which split a query belongs
to: the split that judges it; dev carved from train by a hash of the identifier where there is no dev;
``unjudged`` for the rest, which is kept and not used.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import Field, PositiveInt

from data import splits
from data.artifacts import ArtifactStore
from data.checks import (
    check_apart,
    check_judgements,
    check_passages,
    check_queries,
    known_rows,
    refuse_unknown,
)
from data.collections import Collection
from data.drafts import Draft
from data.schemas import PASSAGES, QRELS, QUERIES
from data.sources import SourceChoice
from data.splits import Split
from models.settings import Settings
from tasks.stage import stage

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class IngestConfig(Settings):
    """How a collection becomes tables."""

    unknown_ids: Literal["error", "drop"] = Field(
        default="error",
        description="A judgement of a query or passage that is not there: an error, or dropped and counted.",
    )
    dev_fraction: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of train that becomes dev where the collection has no dev.",
    )
    max_train_queries: PositiveInt | None = Field(default=None, description="Keep so many, chosen by hash.")
    max_dev_queries: PositiveInt | None = Field(default=None, description="Keep so many, chosen by hash.")
    max_test_queries: PositiveInt | None = Field(default=None, description="Keep so many, chosen by hash.")

    def limit(self, split: Split) -> int | None:
        """Give the largest number of queries of a split."""
        limits: dict[Split, int | None] = {
            "train": self.max_train_queries,
            "dev": self.max_dev_queries,
            "test": self.max_test_queries,
        }
        return limits[split]


class Ingest(Settings):
    """What decides the tables of a collection."""

    source: SourceChoice
    options: IngestConfig = IngestConfig()


@dataclass(frozen=True)
class Tables:
    """The collection as every later stage reads it, and what there is to say about it."""

    passages: pa.Table
    queries: pa.Table
    qrels: pa.Table
    facts: dict[str, Any]


@stage()
def ingest(draft: Draft, store: ArtifactStore, config: Ingest) -> None:  # noqa: ARG001  (every stage's shape)
    """Write ``passages``, ``queries`` and ``qrels``; note their numbers."""
    tables = tabulate(config.source.read(), config.options)
    draft.write(tables.passages, PASSAGES)
    draft.write(tables.queries, QUERIES)
    draft.write(tables.qrels, QRELS)
    draft.note(**tables.facts)


def tabulate(collection: Collection, options: IngestConfig) -> Tables:
    """Check a collection and make its tables.

    Raises:
        CollectionError: the collection breaks one of the rules in ``data/checks.py``.
    """
    judged, dropped = _judgements(collection, options)
    queries = pl.DataFrame(collection.queries.table)
    # A query judged in one split only, as was checked: the left join adds no row.
    split_of = judged.select("qid", "split").unique()
    queries = queries.join(split_of, on="qid", how="left").with_columns(
        pl.col("split").fill_null(splits.UNJUDGED)
    )
    queries = _limit(_carve(queries, options.dev_fraction), options)
    qrels = judged.select("qid", "pid", "grade").join(queries.select("qid"), on="qid", how="semi").unique()
    passages = collection.passages.table
    facts = _facts(passages, queries, qrels) | {"judgements_dropped": dropped, **collection.facts}
    return Tables(
        passages=passages.select(PASSAGES.columns.names).cast(PASSAGES.columns),
        queries=_cast(queries.with_columns(origin=pl.lit("human"), source_pid=None), QUERIES.columns),
        qrels=_cast(qrels, QRELS.columns),
        facts=facts,
    )


def _judgements(collection: Collection, options: IngestConfig) -> tuple[pl.DataFrame, int]:
    """The checked judgements of all splits (qid, pid, grade, split), and how many were dropped."""
    check_passages(collection.passages)
    check_queries(collection.queries)
    frames = [
        pl.DataFrame(schema={"qid": pl.String, "pid": pl.String, "grade": pl.Int64, "split": pl.String})
    ]
    dropped = 0
    for split, sheet in collection.judgements.items():
        check_judgements(sheet)
        if options.unknown_ids == "error":
            refuse_unknown(collection, split)
        known = known_rows(collection, split)
        dropped += int(np.count_nonzero(~known))
        frames.append(pl.DataFrame(sheet.table.filter(pa.array(known))).with_columns(split=pl.lit(split)))
    check_apart(collection.judgements)
    return pl.concat(frames), dropped


def _carve(queries: pl.DataFrame, fraction: float) -> pl.DataFrame:
    """Move a share of train to dev, unless the collection has a dev of its own."""
    if (queries["split"] == "dev").any():
        return queries
    chosen = pl.Series(splits.carve(queries["qid"].to_list(), fraction))
    becomes_dev = (pl.col("split") == "train") & chosen
    return queries.with_columns(split=pl.when(becomes_dev).then(pl.lit("dev")).otherwise("split"))


def _limit(queries: pl.DataFrame, options: IngestConfig) -> pl.DataFrame:
    """Keep the wanted number of queries of each split; what is unjudged stays."""
    kept = [queries.filter(split=splits.UNJUDGED)]
    for name in SPLITS:
        rows = queries.filter(split=name)
        kept.append(rows.filter(pl.Series(splits.sample(rows["qid"].to_list(), options.limit(name)))))
    return pl.concat(kept)


def _facts(passages: pa.Table, queries: pl.DataFrame, qrels: pl.DataFrame) -> dict[str, Any]:
    texts = pl.DataFrame(passages.select(["text"]))
    positive = qrels.filter(pl.col("grade") > 0)
    return {
        "passages": passages.num_rows,
        "passage_words": _mean_words(texts),
        "queries": dict.fromkeys(SPLITS, 0) | _histogram(queries["split"]),
        "query_words": _mean_words(queries),
        "judgements": _histogram(qrels.join(queries, on="qid")["split"]),
        "grades": _histogram(qrels["grade"]),
        "queries_without_positive": _histogram(
            queries.filter(pl.col("split") != splits.UNJUDGED).join(positive, on="qid", how="anti")["split"]
        ),
    }


def _histogram(values: pl.Series) -> dict[str, int]:
    counts = values.value_counts().sort(values.name)
    return {str(value): count for value, count in counts.iter_rows()}


def _mean_words(frame: pl.DataFrame) -> float:
    return round(frame.select(pl.col("text").str.count_matches(r"\S+").mean()).item() or 0.0, 1)


def _cast(frame: pl.DataFrame, columns: pa.Schema) -> pa.Table:
    return frame.select(columns.names).to_arrow().cast(columns)
