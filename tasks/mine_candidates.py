"""Mine candidates: for every query the passages that look like answers, from one or several miners.

A teacher cannot score every passage for every query. What a miner ranks high is what a student must
learn to tell apart: the answers, and the passages that only resemble them. Queries pass in batches;
of a batch only its best passages are held, whatever the size of the collection.
"""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import polars as pl
import pyarrow as pa
from pydantic import AfterValidator, Field, PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.progress import progress
from data.schemas import CANDIDATES, PASSAGES, QUERIES
from data.splits import UNJUDGED
from models.retriever import Retriever
from models.retrievers import RetrieverChoice
from models.retrievers.bm25 import Bm25Config
from models.runs import run_of_hits
from models.settings import Settings, runtime
from models.texts import passage_texts
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
    passages = store.read(PASSAGES, collection)
    queries = wanted(store.read(QUERIES, collection, *([generated] if generated else [])))
    miners: dict[str, Retriever] = {}
    descriptions: dict[str, str] = {}
    for miner in config.miners:
        built = miner.build(passage_texts(passages, miner.template))
        miners[miner.name], descriptions[miner.name] = built, built.description
        log.info("miner %s: %s", miner.name, built.description)
    batches = mine(queries, passages["pid"].to_pylist(), miners, config.depth, config.batch_queries)
    total = math.ceil(queries.num_rows / config.batch_queries)
    answered: Counter[str] = Counter()
    with draft.rows(CANDIDATES) as writer:
        for rows in progress(batches, "mining candidates", "batch", total):
            writer.write(rows)
            answered.update(pl.DataFrame(rows).filter(rank=1)["miner"].to_list())
    draft.note(miners=descriptions, depth=config.depth, queries=queries.num_rows)
    draft.note(queries_without_candidate={name: queries.num_rows - answered[name] for name in miners})


def wanted(queries: pa.Table) -> pa.Table:
    """The queries that train, select or test a student, in the order of their qid."""
    frame = pl.DataFrame(queries).filter(pl.col("split") != UNJUDGED).sort("qid")
    return frame.to_arrow().cast(QUERIES.columns)


def mine(
    queries: pa.Table, pids: Sequence[str], miners: Mapping[str, Retriever], depth: int, batch: int
) -> Iterator[pa.Table]:
    """Give the candidates of ``batch`` queries at a time.

    Args:
        queries: columns qid and text, in the order of the qid, in which the batches come.
        pids: of the passages that the miners index, in the order of their rows.
        miners: by name.
        depth: passages per query and miner.
        batch: queries at a time; it changes how many tables come, not what they hold together.
    """
    for some in queries.select(["qid", "text"]).to_batches(max_chunksize=batch):
        qids, texts = (some[column].to_pylist() for column in ("qid", "text"))
        runs: list[pl.DataFrame] = []
        for name, miner in miners.items():
            hits = miner.search(miner.encode(texts), min(depth, len(pids)))
            runs.append(pl.DataFrame(run_of_hits(hits, qids, pids)).with_columns(miner=pl.lit(name)))
        yield pl.concat(runs).select(CANDIDATES.columns.names).to_arrow().cast(CANDIDATES.columns)
