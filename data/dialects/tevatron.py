"""Tevatron's training lines: a query with its positive and its negative passages, each with its score.

    {"query_id": …, "query": …, "positive_passages": [{"docid", "title", "text", "score"}, …],
     "negative_passages": [the same]}

Its loader fails on a query without a positive or without a negative. Source:
https://github.com/texttron/tevatron ``src/tevatron/retriever/dataset.py``, ``DistilTrainDataset``
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.answer_key import AnswerKey
from data.answer_rows import Row, frame_of, id_of, json_objects, list_of, score_of
from data.dialect import TEACHER, UNSPLIT, Exported, Texts

SIDES = ("positive_passages", "negative_passages")


class Tevatron:
    """One JSON object a query."""

    name = "tevatron"
    file = "train.jsonl"
    loses = (TEACHER, UNSPLIT)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write one line a query."""
        pairs = 0
        passage = pl.struct(docid="pid", title="title", text="text", score="score")
        known = pl.col("positive")
        with (folder / self.file).open("wb") as file:
            for block in key.split_blocks():
                pairs += block.height
                told = block.join(key.named_passages, on="pid", maintain_order="left")
                told = told.join(key.named_queries, on="qid", maintain_order="left")
                lists = told.group_by("qid", "query", maintain_order=True).agg(
                    positive_passages=passage.filter(known), negative_passages=passage.filter(~known)
                )
                lists.rename({"qid": "query_id"}).write_ndjson(file)
        return Exported(pairs)

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read the lines."""
        return frame_of(_rows(path), path)


def _rows(path: Path) -> Iterator[Row]:
    for place, record in json_objects(path):
        qid = id_of(record.get("query_id"), place)
        for side in SIDES:
            for passage in list_of(record, side, place):
                if not isinstance(passage, dict):
                    advice = "Check --format."
                    raise place.bad(f"{passage!r}"[:80], "an object with docid and score", advice)
                pid, score = id_of(passage.get("docid"), place), score_of(passage.get("score"), place)
                yield Row(place.line, qid, pid, score)
