"""Where vectors are to lie: what a teacher's encoder makes of the texts that stand in lists.

    of texts    e_t(q) and e_t(p), each text by itself
    of pairs    e_t(q | p⁺) and e_t(p⁺ | q), read together

A list knows its targets by its number, which is its label; every vector is held once.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from data.errors import ConfigError
from models.batches import Lists
from models.encoders.asymmetric import TwoTowers
from models.losses.embed_distill import Goals, VectorTable
from models.student import Lesson
from models.targets import AnyTarget
from models.teacher_vectors import (
    TOLERANCE,
    PairEncoder,
    check_inherited,
    difference,
    stored_vectors,
    texts_of,
)

# How far a vector's length may lie from 1: bfloat16 gives 0.003.
UNIT = 0.01


def score_goals(lesson: Lesson, lists: Lists, targets: AnyTarget | None) -> Goals:
    """What the answer key says of the lists, after the targets; nothing without them."""
    if targets is None:
        return Goals()
    rows = targets.apply(lists.rows, lesson.reference)
    return Goals(scores=torch.tensor(rows["label"].to_list()))


def vector_goals(
    lesson: Lesson, lists: Lists, teacher: TwoTowers | PairEncoder, *, inherits: bool, matches: bool
) -> Goals:
    """What the teacher's vectors are of the lists' queries and, if they are needed, of their passages.

    Args:
        lesson: gives the tables, and the teacher's template.
        lists: name the texts.
        teacher: opened for its vectors.
        inherits: the passages' vectors are the student's own, as they stand in ``embeddings``.
        matches: the student learns where vectors lie.

    Raises:
        ConfigError: vectors are to be inherited, and the table ``embeddings`` is not the teacher's.
    """
    if not isinstance(teacher, TwoTowers):
        queries, passages = pair_vectors(lesson, lists, teacher)
        return Goals(queries=queries, passages=passages)
    passages = passage_vectors(lesson, lists, teacher, inherits=inherits) if inherits or matches else None
    return Goals(queries=query_vectors(lists, teacher), passages=passages, frozen=inherits)


def query_vectors(lists: Lists, teacher: TwoTowers) -> VectorTable:
    """The teacher's vector of each list's query, rows [list]; a query is encoded once."""
    table = torch.from_numpy(teacher.encode_queries(lists.queries["text"].to_list()))
    return VectorTable(table, torch.from_numpy(_rows(lists.rows["query_id"], lists.queries["query_id"])))


def passage_vectors(lesson: Lesson, lists: Lists, teacher: TwoTowers, *, inherits: bool) -> VectorTable:
    """The teacher's vectors of each list's passages, rows [list, passage].

    They are read from the table ``embeddings`` if the teacher made it, and made now if not.

    Raises:
        ConfigError: the student inherits them, and the teacher did not make them.
    """
    pids = lists.documents["document_id"]
    if inherits:
        check_inherited(lesson, teacher)
    there = inherits or (lesson.embeddings is not None and difference(lesson, teacher) <= TOLERANCE)
    table = stored_vectors(lesson, pids) if there else teacher.encode_passages(texts_of(lesson, pids))
    rows = _rows(lists.rows["document_ids"].explode(), pids).reshape(lists.rows.height, -1)
    return VectorTable(torch.from_numpy(table), torch.from_numpy(rows))


def pair_vectors(lesson: Lesson, lists: Lists, teacher: PairEncoder) -> tuple[VectorTable, VectorTable]:
    """Vectors of each list's query and of its answer, rows [list] and [list, 1]; a pair is read once."""
    pairs = lists.rows.select("query_id", document_id=pl.col("document_ids").list.first())
    distinct = pairs.unique(maintain_order=True)
    queries = distinct.join(lists.queries, on="query_id", how="left", maintain_order="left")["text"].to_list()
    vectors = teacher.embed_pairs(queries, texts_of(lesson, distinct["document_id"]))
    numbered_pairs = distinct.with_row_index("row")
    found = pairs.join(numbered_pairs, on=["query_id", "document_id"], how="left", maintain_order="left")[
        "row"
    ]
    rows = torch.from_numpy(found.to_numpy().astype(np.int64))
    of_queries, of_passages = map(torch.from_numpy, vectors)
    return VectorTable(of_queries, rows), VectorTable(of_passages, rows[:, None])


def check_lengths(goals: Goals, similarity: str, where: str) -> None:
    """Refuse to match the unit vectors of a cosine with others.

    Raises:
        ConfigError: a vector of the teacher is longer or shorter.
    """
    tables = [each.table for each in (goals.queries, goals.passages) if each]
    far = max((float((table.norm(dim=-1) - 1).abs().max()) for table in tables), default=0.0)
    if similarity == "cosine" and far > UNIT:
        raise ConfigError(
            where=f"{where}.similarity = 'cosine'",
            found=f"vectors of the teacher whose length differs from 1 by up to {far:.3g}",
            expected="unit vectors, for the student's are",
            advice='Set similarity = "dot" and a score_scale that fits, such as 1.0.',
        )


def numbered(rows: pl.DataFrame, *, with_passages: bool) -> pl.DataFrame:
    """Label each list with its number, by which the loss finds its goals; passages only if they are encoded.

    >>> rows = pl.DataFrame({"query_id": ["q1", "q2"], "document_ids": [["p1", "p2"], ["p2", "p3"]]})
    >>> numbered(rows, with_passages=False).rows()
    [('q1', 0), ('q2', 1)]
    """
    columns = ["query_id", "document_ids"] if with_passages else ["query_id"]
    return rows.select(*columns, label=pl.int_range(pl.len()))


def prompted(lists: Lists, prompts: Mapping[str, str | None]) -> Lists:
    """Put prompts (of ``query`` and ``document``) before the texts, as when the student encodes."""
    queries, documents = (
        table.with_columns(text=pl.lit(prompts.get(task) or "") + pl.col("text"))
        for task, table in (("query", lists.queries), ("document", lists.documents))
    )
    return replace(lists, queries=queries, documents=documents)


def generated(lesson: Lesson, lists: Lists) -> float:
    """How many of the queries that are learned from were generated."""
    written = lesson.queries.filter(origin="generated").select(query_id="qid").collect()
    return float(lists.queries.join(written, on="query_id", how="semi").height)


def _rows(names: pl.Series, table: pl.Series) -> npt.NDArray[np.int64]:
    """Where each name stands in a table."""
    return np.array(names.replace_strict(table, pl.Series(range(len(table)), dtype=pl.Int64)))
