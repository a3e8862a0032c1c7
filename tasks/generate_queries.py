"""Generate queries from passages, and keep those that find their passage again.

    kept  ⇔  no other passage gave the same text  ∧  rank of the source passage ≤ round_trip_depth

A generated query comes with its answer, so that it can train where judgements are few. A retriever asks
it back (Alberti et al. 2019, "Synthetic QA Corpora Generation with Roundtrip Consistency"): what does
not lead to its source is about something else. A text that two passages gave is about neither alone, and
keeping it for one would make the other a wrong negative; it is dropped for both.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt

from data import splits
from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import CollectionError
from data.manifests import ArtifactRef
from data.progress import meter, progress
from data.schemas import PASSAGES, QUERIES
from data.tables import from_rows
from models.generators import GeneratorChoice
from models.generators.spans import SpansConfig
from models.retriever import Retriever
from models.retrievers import RetrieverChoice
from models.retrievers.bm25 import Bm25Config
from models.settings import Settings, runtime
from models.texts import passage_texts
from tasks.stage import stage

log = logging.getLogger("distill")
PASSAGES_AT_ONCE = 10_000


class GenerateConfig(Settings):
    """Who writes queries, for which passages, and which of them are kept."""

    generator: GeneratorChoice = SpansConfig()
    seed: int = 0
    max_passages: PositiveInt | None = Field(
        default=None, description="Write for so many passages, chosen by hash of the pid; None: for all."
    )
    round_trip: RetrieverChoice = Bm25Config()
    round_trip_depth: NonNegativeInt = Field(
        default=10, description="A query is kept if its passage is among so many; 0 keeps all."
    )
    batch_queries: PositiveInt = runtime(256, "Queries searched at once.")


@stage(reads={"collection": ("passages.parquet", "queries.parquet")})
def generate_queries(
    draft: Draft, store: ArtifactStore, config: GenerateConfig, *, collection: ArtifactRef
) -> None:
    """Write the generated queries that are kept (table ``queries``); note how many were not, and why.

    Raises:
        CollectionError: a query of the collection has the qid of a generated one.
    """
    passages = store.read(PASSAGES, collection)
    pids = passages["pid"].to_pylist()
    chosen = passages.filter(pa.array(splits.sample(pids, config.max_passages)))
    titles, texts = (chosen[column].to_pylist() for column in ("title", "text"))
    written = progress(
        config.generator.generate(titles, texts, config.seed), "generating queries", "passage", len(texts)
    )
    queries = name(chosen["pid"].to_pylist(), written)
    refuse_taken(queries, store.read(QUERIES, collection))
    distinct = unambiguous(queries)
    kept = distinct
    if config.round_trip_depth:
        retriever = config.round_trip.build(passage_texts(passages, config.round_trip.template))
        log.info("round trip: %s", retriever.description)
        draft.note(round_trip=retriever.description, round_trip_depth=config.round_trip_depth)
        found = find_again(distinct, pids, retriever, config.round_trip_depth, config.batch_queries)
        kept = distinct.filter(pa.array(found))
    draft.write(kept, QUERIES)
    draft.note(
        generator=config.generator.kind,
        passages=chosen.num_rows,
        passages_without_query=chosen.num_rows - len(queries["source_pid"].unique()),
        generated=queries.num_rows,
        duplicates=queries.num_rows - distinct.num_rows,
        kept=kept.num_rows,
        keep_rate=round(kept.num_rows / max(1, distinct.num_rows), 4),
    )


def name(pids: Sequence[str], written: Iterable[Sequence[str]]) -> pa.Table:
    """Name the texts written for each passage ``g-<pid>-<number from 1>`` (table ``queries``).

    A name says where a query comes from and stays the same when others are dropped.

    >>> name(["p1", "p2"], [["the rhine"], []])["qid"].to_pylist()
    ['g-p1-1']
    """
    passages = zip(pids, written, strict=True)
    tables = [QUERIES.columns.empty_table()]
    # Rows become columns in between, for millions of Python strings would not fit.
    while some := list(islice(passages, PASSAGES_AT_ONCE)):
        rows = (
            (f"g-{pid}-{number}", text, "generated", pid, "train")
            for pid, texts in some
            for number, text in enumerate(texts, start=1)
        )
        tables.append(from_rows(rows, QUERIES))
    return pa.concat_tables(tables)


def refuse_taken(generated: pa.Table, human: pa.Table) -> None:
    """Raise if a query of the collection has the name of a generated one.

    Raises:
        CollectionError: one has.
    """
    taken = pl.DataFrame(human).join(pl.DataFrame(generated), on="qid", how="semi")["qid"].sort()
    if len(taken):
        more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
        raise CollectionError(
            where="queries",
            found=f"the qid {taken[0]!r}{more}, which is also the name of a generated query",
            expected="no qid of the form g-<pid>-<number>",
            advice="Rename it in the collection, also in the judgements.",
        )


def unambiguous(queries: pa.Table) -> pa.Table:
    """Keep a text once if one passage gave it, and not at all if two did."""
    frame = pl.DataFrame(queries).unique(["source_pid", "text"], keep="first", maintain_order=True)
    return frame.filter(pl.len().over("text") == 1).to_arrow().cast(QUERIES.columns)


def find_again(
    queries: pa.Table, pids: Sequence[str], retriever: Retriever, depth: int, batch: int
) -> npt.NDArray[np.bool_]:
    """Mark the queries whose source passage is among their ``depth`` best.

    Args:
        queries: generated queries.
        pids: of all passages that the retriever indexes, in the order of their rows.
        retriever: asks the queries back.
        depth: how many passages are looked at.
        batch: queries at a time.
    """
    place = {pid: row for row, pid in enumerate(pids)}
    sources = np.array([place[pid] for pid in queries["source_pid"].to_pylist()], dtype=np.int64)
    texts = queries["text"].to_pylist()
    found = np.zeros(len(texts), dtype=np.bool_)
    with meter("asking queries back", "query", len(texts)) as bar:
        for start in range(0, len(texts), batch):
            some = slice(start, start + batch)
            hits = retriever.search(retriever.encode(texts[some]), min(depth, len(pids)))
            found[some] = (hits.rows == sources[some, None]).any(axis=1)
            bar.update(len(texts[some]))
    return found
