"""Let a teacher score every pair worth asking about: the answer key.

The key holds, for every query of the splits train and dev, generated ones included, all mined
candidates and all known answers, mined or not. Scores are raw logits. Test queries stay out of it.

Pairs whose texts the teacher has read before, in whatever run and under whatever ids, are not scored again.
"""

import logging
import time

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.pair_blocks import pair_blocks
from data.progress import meter
from data.schemas import ANSWERS, CANDIDATES, PASSAGES, QRELS, QUERIES
from models.retriever import Rows
from models.settings import Settings, runtime
from models.stored_teacher import StoredTeacher, open_teacher
from models.teacher import Teacher
from models.teachers import TeacherChoice
from models.texts import passage_texts
from tasks.stage import stage

log = logging.getLogger("distill")


class ScoreConfig(Settings):
    """How scoring is divided; none of it changes what is asked."""

    shard_pairs: PositiveInt = runtime(
        200_000,
        "Pairs scored and stored at a time, sorted by length within; all that kill -9 may cost.",
    )


class Score(Settings):
    """What decides the answers of one teacher."""

    teacher: TeacherChoice
    options: ScoreConfig = ScoreConfig()


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "generated": ("queries.parquet",),
        "candidates": ("candidates.parquet",),
        "weights": ("model",),
    }
)
def score_candidates(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: Score,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    weights: ArtifactRef | None,
) -> None:
    """Write the answers block by block; note the teacher's digest, its rate, and what was there already."""
    queries = asked_queries(store, collection, generated)
    passages = store.read(PASSAGES, collection).combine_chunks()
    known = known_answers(queries, store.scan(QRELS, collection))
    chosen, name = config.teacher, config.teacher.name
    made = (store.path(weights, "model"), weights.parts["model"]) if weights else None
    texts = passage_texts(passages, chosen.template)
    teacher = chosen.by_name(queries["qid"].to_list(), passages["pid"].to_pylist()) or open_teacher(
        store.root, store.digests, chosen, made, queries["text"].to_list(), texts
    )
    blocks = pair_blocks(
        store.table_path(candidates, CANDIDATES), known, queries["qid"], config.options.shard_pairs
    )
    query_rows, passage_rows = numbered(queries["qid"]), numbered(passages["pid"])
    started = time.perf_counter()
    with draft.rows(ANSWERS) as writer, meter(f"scoring by {name}", "pair", None) as bar:
        for block in blocks:
            writer.write(answers(block, query_rows, passage_rows, name, teacher))
            bar.update(block.height)
        pairs = writer.rows
    seconds = time.perf_counter() - started
    draft.note(scale=chosen.scale, pairs=pairs, positives=known.height, queries=queries.height)
    draft.note(seconds=round(seconds, 2), pairs_per_s=round(pairs / max(seconds, 1e-9), 1))
    if isinstance(teacher, StoredTeacher):
        log.info(
            "teacher %s is %s: %d pairs scored, %d of %d known",
            name,
            teacher.digest,
            teacher.scored,
            teacher.reused,
            pairs,
        )
        draft.note(teacher_digest=teacher.digest, scored=teacher.scored, reused=teacher.reused)
    draft.note(**teacher.facts())


def asked_queries(
    store: ArtifactStore, collection: ArtifactRef, generated: ArtifactRef | None
) -> pl.DataFrame:
    """Queries of the splits train and dev, by qid."""
    tables = (collection, generated) if generated else (collection,)
    learned = pl.col("split").is_in(["train", "dev"])
    found = store.scan(QUERIES, *tables).filter(learned).select("qid", "text", "source_pid").collect()
    return found.sort("qid")


def known_answers(queries: pl.DataFrame, qrels: pl.LazyFrame) -> pl.DataFrame:
    """Passages that answer ``queries``: judged above 0, or the source of a generated query."""
    judged = qrels.filter(pl.col("grade") > 0).select("qid", "pid").collect()
    sources = queries.filter(pl.col("source_pid").is_not_null()).select("qid", pid="source_pid")
    return pl.concat([judged, sources]).join(queries.select("qid"), on="qid").unique()


def numbered(ids: pl.Series | pa.ChunkedArray) -> pl.DataFrame:
    """Identifiers and the rows at which they stand (columns id, row).

    >>> numbered(pl.Series(["a", "b"])).rows()
    [('a', 0), ('b', 1)]
    """
    named = pl.Series("id", ids, dtype=pl.String)
    return pl.DataFrame([named, pl.Series("row", np.arange(len(named)), dtype=pl.Int64)])


def answers(
    pairs: pl.DataFrame, query_rows: pl.DataFrame, passage_rows: pl.DataFrame, name: str, teacher: Teacher
) -> pa.Table:
    """Score ``pairs`` (table ``answers``).

    Args:
        pairs: columns qid and pid.
        query_rows: where the teacher has the text of each query (columns id, row).
        passage_rows: the same for passages.
        name: of the teacher.
        teacher: is asked.
    """
    placed = pairs.join(query_rows, left_on="qid", right_on="id", maintain_order="left")
    placed = placed.join(passage_rows, left_on="pid", right_on="id", suffix="_passage", maintain_order="left")
    rows: list[Rows] = [placed[column].to_numpy().astype(np.int64) for column in ("row", "row_passage")]
    scored = placed.select(
        "qid", "pid", teacher=pl.lit(name), score=pl.Series(teacher.score(*rows), dtype=pl.Float32)
    )
    return scored.to_arrow().cast(ANSWERS.columns)
