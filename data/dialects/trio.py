"""The trio of tables that PyLate and ``resolve_ids`` of sentence-transformers join while they train.

    train.parquet        query_id, document_ids (list), scores (list of float32)
    queries.parquet      query_id, text
    documents.parquet    document_id, text

A query's list opens with its positives, each part by falling score: loaders cut from behind. Source:
https://lightonai.github.io/pylate/documentation/training/ ; lists and ids are read as text and as integers
as well, as in https://huggingface.co/datasets/lightonai/ms-marco-en-bge
"""

from pathlib import Path

import polars as pl
import pyarrow as pa

from data.answer_key import AnswerKey
from data.dialect import TEACHER, Exported, Texts
from data.parquet_rows import as_lists, read_columns, refuse_rows, scored, write_blocks

TRAIN = pa.schema(
    [("query_id", pa.string()), ("document_ids", pa.list_(pa.string())), ("scores", pa.list_(pa.float32()))]
)


class Trio:
    """train, queries and documents."""

    name = "trio"
    file = "train.parquet"
    loses = (TEACHER,)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the three tables."""
        lists = (
            block.group_by(query_id="qid", maintain_order=True).agg(document_ids="pid", scores="score")
            for block in key.blocks()
        )
        write_blocks(lists, TRAIN, folder / self.file)
        key.named_queries.select(query_id="qid", text="query").write_parquet(folder / "queries.parquet")
        documents = key.named_passages.select(document_id="pid", text="passage")
        documents.write_parquet(folder / "documents.parquet")
        return Exported(key.pairs)

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read ``train.parquet``."""
        frame = read_columns(path, ("query_id", "document_ids", "scores"))
        frame = as_lists(frame, "document_ids", pl.String(), path)
        frame = as_lists(frame, "scores", pl.Float64(), path)
        lengths = pl.col("document_ids").list.len(), pl.col("scores").list.len()
        refuse_rows(frame, lengths[0] != lengths[1], path, "lists of different lengths")
        frame = frame.filter(lengths[0] > 0).explode("document_ids", "scores")
        return scored(frame.select("line", qid="query_id", pid="document_ids", score="scores"), path)
