"""Tevatron's newer training lines: a query with lists of identifiers, and a corpus that they point into.

    train.jsonl     {"query_id", "query_text", "positive_document_ids": […], "negative_document_ids": […],
                     "positive_scores": […], "negative_scores": […]}
    corpus.jsonl    {"docid", "text"}

Its arguments are ``--dataset_name json --dataset_path train.jsonl --corpus_name json`` and ``--corpus_path
corpus.jsonl``. The layout has no field for a score: its ``TrainDataset`` passes over the two lists of scores,
which stand here so that the answers can be read back, and its ``DistilTrainDataset`` would read one score a
document, whatever the query. It fails on a query without a positive or without a negative, and reads of a
document ``text`` alone, so that the title stands in there. Source: https://github.com/texttron/tevatron
``src/tevatron/retriever/dataset.py`` at 0a9626f
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.answer_key import AnswerKey
from data.answer_rows import Row, frame_of, id_of, json_objects, list_of, score_of
from data.dialect import TEACHER, UNSPLIT, Exported, Texts

SIDES = ("positive", "negative")
NOTE = "Tevatron's TrainDataset reads the identifiers and passes over the scores: it learns without them"


class TevatronIds:
    """One JSON object a query, which names its passages."""

    name = "tevatron-ids"
    file = "train.jsonl"
    loses = (TEACHER, UNSPLIT)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the queries and the corpus."""
        pairs = 0
        known = pl.col("positive")
        with (folder / self.file).open("wb") as file:
            for block in key.split_blocks():
                pairs += block.height
                told = block.join(key.named_queries, on="qid", maintain_order="left")
                lists = told.group_by(query_id="qid", query_text="query", maintain_order=True).agg(
                    positive_document_ids=pl.col("pid").filter(known),
                    negative_document_ids=pl.col("pid").filter(~known),
                    positive_scores=pl.col("score").filter(known),
                    negative_scores=pl.col("score").filter(~known),
                )
                lists.write_ndjson(file)
        key.named_passages.select(docid="pid", text="passage").write_ndjson(folder / "corpus.jsonl")
        return Exported(pairs, NOTE)

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read the lines; a list of scores is as long as the list of identifiers beside it."""
        return frame_of(_rows(path), path)


def _rows(path: Path) -> Iterator[Row]:
    for place, record in json_objects(path):
        qid = id_of(record.get("query_id"), place)
        for side in SIDES:
            pids = list_of(record, f"{side}_document_ids", place)
            scores = list_of(record, f"{side}_scores", place, len(pids))
            for pid, score in zip(pids, scores, strict=True):
                yield Row(place.line, qid, id_of(pid, place), score_of(score, place))
