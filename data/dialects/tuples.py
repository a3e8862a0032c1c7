"""Texts in the columns that the losses of sentence-transformers read: query, positive, negative, label.

    tuples.parquet    query, positive, negative, label = [score of the positive, score of the negative]
    ids.parquet       query_id, positive_id, negative_id of the same rows

for every positive of a query with every negative. ``MarginMSELoss`` and ``DistillKLDivLoss`` take this label.
The losses read every column that is not the label as a text, so the identifiers lie in a table of
their own; where it is missing, texts are looked up in a run. Source:
https://sbert.net/docs/sentence_transformer/loss_overview.html
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.answer_key import AnswerKey
from data.dialect import TEACHER, UNSPLIT, Exported, Texts, needs_texts
from data.errors import InputError
from data.parquet_rows import as_lists, read_columns, refuse_rows, scored

TEXTS = ("query", "positive", "negative")
IDS = ("query_id", "positive_id", "negative_id")
TUPLES = pa.schema([*((name, pa.string()) for name in TEXTS), ("label", pa.list_(pa.float32(), 2))])
ID_TABLE = pa.schema([(name, pa.string()) for name in IDS])
ROWS = 50_000  # of texts, held at a time


class Tuples:
    """One row for each positive with each negative."""

    name = "tuples"
    file = "tuples.parquet"
    loses = (TEACHER, UNSPLIT)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the texts and, row by row beside them, the identifiers."""
        pairs = 0
        with (
            pq.ParquetWriter(folder / self.file, TUPLES, compression="zstd") as texts,
            pq.ParquetWriter(folder / "ids.parquet", ID_TABLE, compression="zstd") as ids,
        ):
            for duels, held in key.duels():
                pairs += held
                for rows in _with_texts(duels, key):
                    texts.write_table(rows.select(TUPLES.names).to_arrow().cast(TUPLES))
                    ids.write_table(rows.select(ID_TABLE.names).to_arrow().cast(ID_TABLE))
        return Exported(pairs)

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:
        """Read the tuples, with the identifiers beside them or those of ``texts``."""
        frame = as_lists(read_columns(path, (*TEXTS, "label")), "label", pl.Float64(), path)
        refuse_rows(frame, pl.col("label").list.len() != 2, path, "a label that is not two scores")
        beside = path.with_name("ids.parquet")
        named = beside.is_file()
        query, *passages = IDS if named else TEXTS
        if named:
            frame = pl.concat(
                [_same_height(read_columns(beside, IDS), frame, beside), frame], how="horizontal"
            )
        halves = [
            frame.select("line", qid=query, pid=passage, score=pl.col("label").list.get(place))
            for place, passage in enumerate(passages)
        ]
        rows = scored(pl.concat(halves), path)
        return rows if named else needs_texts(path, texts).ids_of(rows, path)


def _with_texts(duels: pl.DataFrame, key: AnswerKey) -> Iterator[pl.DataFrame]:
    passages = key.named_passages.select("pid", "passage")
    for rows in duels.iter_slices(ROWS):
        yield (
            rows.join(key.named_queries, on="qid", maintain_order="left")
            .join(passages, on="pid", maintain_order="left")
            .join(passages, left_on="pid_negative", right_on="pid", suffix="_negative", maintain_order="left")
            .select(
                "query",
                positive="passage",
                negative="passage_negative",
                label=pl.concat_list("score", "score_negative").list.to_array(2),
                query_id="qid",
                positive_id="pid",
                negative_id="pid_negative",
            )
        )


def _same_height(ids: pl.DataFrame, texts: pl.DataFrame, path: Path) -> pl.DataFrame:
    if ids.height != texts.height:
        raise InputError(
            str(path),
            found=f"{ids.height} rows",
            expected=f"{texts.height}, one for each of the tuples",
            advice="Export both files again, or move this one away and give --run.",
        )
    return ids.drop("line")
