"""Mine candidates: for every query the passages that look like answers, from one or several miners.

A teacher cannot score every passage for every query. What a miner ranks high is what a student must
learn to tell apart: the answers, and the passages that only resemble them. Queries pass in batches, here or
where whoever maps has them mined; of a batch only its best passages are held, however large the collection.
"""

import logging
from collections import Counter
from typing import Annotated

import polars as pl
import pyarrow as pa
from pydantic import AfterValidator, Field, PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.progress import meter
from data.schemas import CANDIDATES, PASSAGES, QUERIES
from data.splits import UNJUDGED
from models.retrievers import RetrieverChoice
from models.retrievers.bm25 import Bm25Config
from models.settings import Settings, runtime
from models.spread_mining import Asked, mined
from tasks.stage import stage

log = logging.getLogger("distill")


def _distinct(miners: tuple[RetrieverChoice, ...]) -> tuple[RetrieverChoice, ...]:
    names = [miner.name for miner in miners]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"found the name {repeated[0]!r} {names.count(repeated[0])} times; expected distinct names"
        raise ValueError(msg)
    return miners


class MineConfig(Settings):
    """Who looks for candidates, and how many each may name."""

    depth: PositiveInt = Field(
        default=50, description="Passages per query and miner: a few dozen, as distillation usually takes."
    )
    miners: Annotated[tuple[RetrieverChoice, ...], AfterValidator(_distinct)] = Field(
        default=(Bm25Config(),), min_length=1, description="Retrievers; each has a name of its own."
    )
    batch_queries: PositiveInt = runtime(256, "Queries searched at once.")


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet"),
        "generated": ("queries.parquet",),
    }
)
def mine_candidates(
    draft: Draft,
    store: ArtifactStore,
    config: MineConfig,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None = None,
) -> None:
    """Write ``candidates`` of all queries that are judged or generated; note who mined and how."""
    queries = wanted(store.read(QUERIES, collection, *([generated] if generated else [])))
    asked = Asked(config.miners, config.depth, config.batch_queries, store.table_path(collection, PASSAGES))
    answered: Counter[str] = Counter()
    with (
        mined(asked, queries, store) as found,
        draft.rows(CANDIDATES) as writer,
        meter("mining candidates", "query", queries.num_rows) as bar,
    ):
        for name, description in found.descriptions.items():
            log.info("miner %s: %s", name, description)
        for rows in found.batches:
            writer.write(rows)
            answered.update(pl.DataFrame(rows).filter(rank=1)["miner"].to_list())
            bar.update(min(config.batch_queries, queries.num_rows - bar.n))
    names = found.descriptions
    draft.note(miners=names, depth=config.depth, queries=queries.num_rows)
    draft.note(queries_without_candidate={name: queries.num_rows - answered[name] for name in names})


def wanted(queries: pa.Table) -> pa.Table:
    """The queries that train, select or test a student, in the order of their qid."""
    frame = pl.DataFrame(queries).filter(pl.col("split") != UNJUDGED).sort("qid")
    return frame.to_arrow().cast(QUERIES.columns)
