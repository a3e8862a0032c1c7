"""Let a teacher score every pair worth asking about: the answer key.

The key holds, for every query of the splits train and dev, generated ones included, all mined
candidates and all known answers, mined or not. Scores are raw logits. Test queries stay out of it.

Pairs whose texts the teacher has read before, in whatever run and under whatever ids, are not scored again.
Blocks that are not stored are scored here or by whoever maps, who puts them into the same store.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
from pydantic import Field, PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.known_answers import known_answers
from data.manifests import ArtifactRef
from data.pair_blocks import PairBlocks
from data.progress import meter
from data.schemas import ANSWERS, CANDIDATES, PASSAGES, QRELS, QUERIES
from data.spreading import Order, offered
from models.asked import Asked
from models.named_pairs import NamedPairs
from models.parts import IDENTIFIERS, MODEL
from models.settings import Settings, runtime
from models.stored_teacher import StoredTeacher, open_teacher
from models.teacher import Teacher
from models.teachers import TeacherChoice
from models.texts import passage_texts
from tasks.stage import Outlook, stage

log = logging.getLogger("distill")


class ScoreConfig(Settings):
    """How scoring is divided; none of it changes what is asked."""

    shard_pairs: PositiveInt = runtime(
        25_000,
        "Pairs scored and stored at a time, sorted by length within; all that kill -9 may cost.",
    )


def _asked(fields: dict[str, Any]) -> Asked:
    return fields["teacher"].asked if "teacher" in fields else Asked()


class Score(Settings):
    """What decides the answers of one teacher."""

    teacher: TeacherChoice
    options: ScoreConfig = ScoreConfig()
    asked: Asked = Field(default_factory=_asked)


def outlook(  # noqa: PLR0913  (as the stage)
    store: ArtifactStore,
    config: Score,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    weights: ArtifactRef | None,
    identifiers: ArtifactRef | None = None,
) -> Outlook | None:
    """Count the pairs that are stored and those to be scored; None where nothing is stored of a teacher."""
    work = open_work(store, config, collection, generated, candidates, weights, identifiers)
    teacher = work.teacher
    if not isinstance(teacher, StoredTeacher):
        return None
    pairs = missing = 0
    for block in work.blocks:
        pairs += block.height
        missing += teacher.missing(*work.named.rows(block))
    rate = teacher.pairs_per_s
    return Outlook("pair", pairs - missing, missing, missing / rate if rate else None)


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "generated": ("queries.parquet",),
        "candidates": ("candidates.parquet",),
        "weights": (MODEL,),
        "identifiers": (IDENTIFIERS,),
    },
    outlook=outlook,
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
    identifiers: ArtifactRef | None = None,
) -> None:
    """Write the answers block by block; note the teacher's digest, its rate, and what was there already."""
    name = config.teacher.name
    work = open_work(store, config, collection, generated, candidates, weights, identifiers)
    teacher = work.teacher
    started = time.perf_counter()
    order = Order(store.root.resolve(), config, collection, generated, candidates, weights, identifiers)
    elsewhere = score_elsewhere(store, work, name, order)
    with draft.rows(ANSWERS) as writer, meter(f"scoring by {name}", "pair", None) as bar:
        for block in work.blocks:
            writer.write(answers(block, work, name))
            bar.update(block.height)
        pairs = writer.rows
    seconds = time.perf_counter() - started
    draft.note(scale=config.teacher.scale, pairs=pairs, positives=work.known, queries=work.queries)
    draft.note(seconds=round(seconds, 2), pairs_per_s=round(pairs / max(seconds, 1e-9), 1))
    if isinstance(teacher, StoredTeacher):
        scored, reused = teacher.scored + elsewhere, teacher.reused - elsewhere
        log.info("teacher %s is %s: %d pairs scored, %d known", name, teacher.digest, scored, reused)
        draft.note(teacher_digest=teacher.digest, scored=scored, reused=reused)
    draft.note(**teacher.facts())


@dataclass(frozen=True)
class Work:
    """A teacher and what it is asked: blocks of pairs (qid, pid) of so many queries, and where they stand."""

    teacher: Teacher
    blocks: Iterable[pl.DataFrame]
    named: NamedPairs
    queries: int
    known: int


def open_work(  # noqa: PLR0913, PLR0917
    store: ArtifactStore,
    config: Score,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    weights: ArtifactRef | None,
    identifiers: ArtifactRef | None = None,
) -> Work:
    """Gather who is asked what; nothing is scored yet, and no model is loaded."""
    queries = asked_queries(store, collection, generated if config.asked.generated else None)
    passages = store.read(PASSAGES, collection).combine_chunks()
    known = known_answers(queries, store.scan(QRELS, collection))
    index = store.path(identifiers, IDENTIFIERS) if identifiers else None
    chosen = config.teacher.with_identifiers(index)
    made = (store.path(weights, MODEL), weights.parts[MODEL]) if weights else None
    texts = passage_texts(passages, chosen.template)
    teacher = chosen.by_name(queries["qid"].to_list(), passages["pid"].to_pylist()) or open_teacher(
        store.root, store.digests, chosen, made, queries["text"].to_list(), texts
    )
    path = store.table_path(candidates, CANDIDATES)
    return Work(
        teacher=teacher,
        blocks=PairBlocks(path, known, queries["qid"], config.options.shard_pairs, config.asked.depth),
        named=NamedPairs(queries["qid"], passages["pid"]),
        queries=queries.height,
        known=known.height,
    )


class Block(NamedTuple):
    """A block of pairs that another process scores: what it opens for that, and the file of the pairs."""

    order: Order
    place: Path


def score_elsewhere(store: ArtifactStore, work: Work, name: str, order: Order) -> int:
    """Let whoever maps score the blocks that are not stored; give how many pairs were scored.

    Args:
        store: lends the folder of the blocks.
        work: who is asked what.
        name: of the teacher.
        order: what ``open_work`` takes.
    """
    mapper, teacher = offered(), work.teacher
    if mapper is None or not isinstance(teacher, StoredTeacher):
        return 0
    with store.lending() as lent:
        blocks: list[Block] = []
        for block in work.blocks:
            if teacher.missing(*work.named.rows(block)):
                blocks.append(Block(order, lent.resolve() / f"{len(blocks)}.parquet"))
                block.write_parquet(blocks[-1].place)
        return sum(mapper(score_block, blocks, f"scoring by {name}"))


def score_block(block: Block, _first: int | None) -> int:
    """Score a block into the store; give how many of its pairs were not there.

    The store remembers how its first pairs were scored, so that the first block need not tell the others.
    """
    work = _opened(block.order)
    before = _scored(work.teacher)
    work.named.scores(work.teacher, pl.read_parquet(block.place))
    return _scored(work.teacher) - before


@lru_cache(maxsize=1)
def _opened(order: Order) -> Work:
    root, *rest = order.values
    return open_work(ArtifactStore(root), *rest)


def _scored(teacher: Teacher) -> int:
    return teacher.scored if isinstance(teacher, StoredTeacher) else 0


def asked_queries(
    store: ArtifactStore, collection: ArtifactRef, generated: ArtifactRef | None
) -> pl.DataFrame:
    """Queries of the splits train and dev, by qid."""
    tables = (collection, generated) if generated else (collection,)
    learned = pl.col("split").is_in(["train", "dev"])
    found = store.scan(QUERIES, *tables).filter(learned).select("qid", "text", "source_pid").collect()
    return found.sort("qid")


def answers(pairs: pl.DataFrame, work: Work, name: str) -> pa.Table:
    """Score a block of pairs (table ``answers``)."""
    scores = work.named.scores(work.teacher, pairs)
    scored = pairs.select("qid", "pid", teacher=pl.lit(name), score=scores)
    return scored.to_arrow().cast(ANSWERS.columns)
