"""Index: what each passage may be called by, as n-grams that a student may write."""

import time
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import InputError
from data.manifests import ArtifactRef
from data.ngrams.build import build
from data.ngrams.layout import IntArray
from data.progress import meter
from data.schemas import PASSAGES, QUERIES
from models.identifier_tokens import IdentifierTokens
from models.identifiers import VIEWS, IdentifierConfig, View
from models.parts import IDENTIFIERS
from tasks.stage import stage

# Their texts and the lists of their tokens are little beside the index.
CHUNK_TEXTS = 8192
# Some texts, and the row of the passage of each.
Texts = Iterator[tuple[list[str], IntArray]]


@stage(reads={"collection": ("passages.parquet",), "generated": ("queries.parquet",)})
def index_identifiers(
    draft: Draft,
    store: ArtifactStore,
    config: IdentifierConfig,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
) -> None:
    """Write the folder ``identifiers``; note tokens, n-grams and seconds. Without ``generated`` no query."""
    tokens = IdentifierTokens.of_model(config.tokenizer)
    folder = draft.folder(IDENTIFIERS)
    tokens.save(folder)
    passages = pq.ParquetFile(store.table_path(collection, PASSAGES))
    texts: dict[View, Texts] = {
        "title": passage_column(passages, "title"),
        "body": passage_column(passages, "text"),
        "query": iter(()),
    }
    if generated:
        pids = pl.Series(passages.read(["pid"])["pid"])
        texts["query"] = pseudo_queries(pids, pl.DataFrame(store.read(QUERIES, generated)))
    draft.note(passages=passages.metadata.num_rows, vocabulary=tokens.size)
    for view in VIEWS:
        started = time.perf_counter()
        (folder / view).mkdir()
        header = build(
            folder / view,
            (config.sequences(view, some, rows, tokens) for some, rows in texts[view]),
            longest=config.longest(view),
            vocabulary=tokens.size,
            vocabulary_digest=tokens.digest,
        )
        counts = {"sequences": header.sequences, "tokens": header.tokens, "ngrams": header.ngrams}
        draft.note(**{f"{view}_{name}": count for name, count in counts.items()})
        draft.note(**{f"{view}_s": round(time.perf_counter() - started, 2)})


def passage_column(passages: pq.ParquetFile, column: str) -> Texts:
    """Titles or texts, chunk by chunk, each with the row of its passage."""
    row = 0
    with meter(f"reading identifiers: {column}", "passage", passages.metadata.num_rows) as bar:
        for batch in passages.iter_batches(CHUNK_TEXTS, columns=[column]):
            yield batch[column].to_pylist(), np.arange(row, row + batch.num_rows)
            row += batch.num_rows
            bar.update(batch.num_rows)


def pseudo_queries(pids: pl.Series, queries: pl.DataFrame) -> Texts:
    """Generated queries of split train, chunk by chunk, each with the row of the passage it was written for.

    Args:
        pids: of all passages, row by row.
        queries: table ``queries``; others in it are left out.

    Raises:
        InputError: one was written for a passage that the collection does not have.
    """
    rows = pl.DataFrame({"source_pid": pids}).with_row_index("row")
    written = queries.filter(pl.col("origin") == "generated", pl.col("split") == "train")
    written = written.join(rows, on="source_pid", how="left").sort("row", "qid")
    if lost := written["row"].null_count():
        raise InputError(
            where="generated queries",
            found=f"{lost} without a passage, the first {written['qid'][0]!r}",
            expected="each to name its passage in source_pid",
            advice="Generate the queries from this collection.",
        )
    for some in written.select("text", "row").iter_slices(CHUNK_TEXTS):
        yield some["text"].to_list(), some["row"].to_numpy()
