"""Let a teacher score every pair worth asking about: the answer key.

The key holds, for every query of the splits train and dev, generated ones included, all mined
candidates and all known answers, mined or not. Scores are raw logits. Test queries stay out of it.
"""

import logging
import time
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import PositiveInt

from data.artifacts import ArtifactStore
from data.digests import FileDigests, digest_of
from data.drafts import Draft
from data.errors import SchemaError
from data.identity import canonical
from data.manifests import ArtifactRef
from data.progress import meter
from data.schemas import ANSWERS, CANDIDATES, PASSAGES, QRELS, QUERIES
from models.retriever import Rows, Scores
from models.settings import Settings, runtime
from models.teacher import Teacher, TeacherConfig
from models.teachers import TeacherChoice
from models.texts import passage_texts
from tasks.stage import stage

log = logging.getLogger("distill")


class ScoreConfig(Settings):
    """How scoring is divided; none of it changes a score."""

    shard_pairs: PositiveInt = runtime(
        200_000, "Pairs handed to the teacher at a time, to be sorted by length within."
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
    """Score all pairs and write the answers shard by shard; note the teacher's digest and its rate."""
    asked = (collection, generated) if generated else (collection,)
    learned = pl.col("split").is_in(["train", "dev"])
    queries = store.scan(QUERIES, *asked).filter(learned).sort("qid").collect()
    passages = store.read(PASSAGES, collection)
    known = known_answers(queries, store.scan(QRELS, collection))
    pairs = pairs_to_score(queries, passages, store.scan(CANDIDATES, candidates), known)
    chosen, name = config.teacher, config.teacher.name
    digest = teacher_digest(chosen, weights, store.digests)
    log.info("teacher %s is %s; %d pairs to score", name, digest, pairs.height)
    draft.note(teacher_digest=digest, pairs=pairs.height, positives=known.height, queries=queries.height)
    folder = store.path(weights, "model") if weights else None
    teacher = chosen.load(folder, queries["text"].to_list(), passage_texts(passages, chosen.template))
    started = time.perf_counter()
    with draft.rows(ANSWERS) as writer, meter(f"scoring by {name}", "pair", pairs.height) as bar:
        for shard in pairs.iter_slices(config.options.shard_pairs):
            writer.write(answers(shard, queries["qid"], passages["pid"], name, teacher))
            bar.update(shard.height)
    seconds = time.perf_counter() - started
    draft.note(seconds=round(seconds, 2), pairs_per_s=round(pairs.height / max(seconds, 1e-9), 1))
    draft.note(**getattr(teacher, "facts", dict[str, Any])())


def known_answers(queries: pl.DataFrame, qrels: pl.LazyFrame) -> pl.DataFrame:
    """Passages that answer ``queries``: judged above 0, or the source of a generated query."""
    judged = qrels.filter(pl.col("grade") > 0).select("qid", "pid").collect()
    sources = queries.filter(pl.col("source_pid").is_not_null()).select("qid", pid="source_pid")
    return pl.concat([judged, sources]).join(queries.select("qid"), on="qid").unique()


def pairs_to_score(
    queries: pl.DataFrame, passages: pa.Table, candidates: pl.LazyFrame, known: pl.DataFrame
) -> pl.DataFrame:
    """The union of candidates and known answers of ``queries``, as rows of both tables, in their order.

    Numbers instead of names: a hundred million pairs are then less than a gigabyte.
    """
    pids = pl.Series("pid", passages["pid"].to_pylist(), dtype=pl.String)
    query_rows = queries.select("qid").with_row_index("query_row").lazy()
    passage_rows = pl.DataFrame([pids]).with_row_index("passage_row").lazy()
    # One after the other, then together: what is joined is then two numbers a pair.
    found = [
        part.join(query_rows, on="qid")
        .join(passage_rows, on="pid")
        .select("query_row", "passage_row")
        .collect()
        for part in (candidates, known.lazy())
    ]
    return pl.concat(found).unique().sort("query_row", "passage_row")


def answers(
    pairs: pl.DataFrame, qids: pl.Series, pids: pa.ChunkedArray, name: str, teacher: Teacher
) -> pa.Table:
    """Score ``pairs`` (table ``answers``).

    Raises:
        SchemaError: a score is NaN or infinite; the message names its pair.
    """
    query_rows: Rows = pairs["query_row"].to_numpy().astype(np.int64)
    passage_rows: Rows = pairs["passage_row"].to_numpy().astype(np.int64)
    scores = teacher.score(query_rows, passage_rows)
    named = qids.gather(query_rows).to_arrow().cast(pa.string()), pids.take(pa.array(passage_rows))
    _refuse_wild(scores, *named, name)
    teachers = pa.array([name]).take(pa.array(np.zeros(len(scores), dtype=np.int64)))
    return pa.table([*named, teachers, scores], schema=ANSWERS.columns)


def _refuse_wild(scores: Scores, qids: pa.Array, pids: pa.ChunkedArray, name: str) -> None:
    wild = np.flatnonzero(~np.isfinite(scores))
    if wild.size:
        first = int(wild[0])
        msg = (
            f"teacher {name}: found {scores[first]} for the pair ({qids[first]}, {pids[first]}) and "
            f'{wild.size - 1} more scores that are no numbers; expected logits. Try precision = "float32".'
        )
        raise SchemaError(msg)


def teacher_digest(config: TeacherConfig, weights: ArtifactRef | None, digests: FileDigests) -> str:
    """What a teacher is: weights, tokenizer, precision, length and template; not what it is called."""
    settings = {key: value for key, value in canonical(config, digests).items() if key != "name"}
    return digest_of({"teacher": settings, "weights": weights.parts["model"] if weights else None}, 32)
