"""FlagEmbedding's training lines: texts of a query, of its positives and of its negatives, with scores.

    {"query": …, "pos": [text, …], "neg": [text, …], "pos_scores": [s, …], "neg_scores": [s, …],
     "query_id": …, "pos_ids": [pid, …], "neg_ids": [pid, …]}

The last three are ours: the format has no identifiers and its loader passes over keys it does not know. Where
they are missing, texts are looked up in a run. The loader fails on a query without a positive or a negative.
Source: https://github.com/FlagOpen/FlagEmbedding/tree/master/examples/finetune/embedder#2-data-format
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from data.answer_key import AnswerKey
from data.answer_rows import Place, Row, frame_of, id_of, json_objects, list_of, score_of
from data.dialect import TEACHER, UNSPLIT, Exported, Texts, needs_texts

IDS = ("query_id", "pos_ids", "neg_ids")


class FlagEmbedding:
    """One JSON object a query."""

    name = "flagembedding"
    file = "train.jsonl"
    loses = (TEACHER, UNSPLIT)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write one line a query."""
        pairs = 0
        known = pl.col("positive")
        columns = {"": "passage", "_scores": "score", "_ids": "pid"}
        lists = [
            pl.col(column).filter(side).alias(name + suffix)
            for suffix, column in columns.items()
            for name, side in (("pos", known), ("neg", ~known))
        ]
        with (folder / self.file).open("wb") as file:
            for block in key.split_blocks():
                pairs += block.height
                told = block.join(key.named_passages, on="pid", maintain_order="left")
                told = told.join(key.named_queries, on="qid", maintain_order="left")
                rows = told.group_by("query", "qid", maintain_order=True).agg(lists)
                rows.rename({"qid": "query_id"}).write_ndjson(file)
        return Exported(pairs)

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:
        """Read the lines, by their identifiers if the first line has them, else by their texts."""
        first = next(json_objects(path), None)
        named = first is not None and all(name in first[1] for name in IDS)
        if named or first is None:
            return frame_of(_rows(path, IDS), path)
        texts = needs_texts(path, texts)
        return texts.ids_of(frame_of(_rows(path, ("query", "pos", "neg")), path), path)


def _rows(path: Path, names: tuple[str, str, str]) -> Iterator[Row]:
    query, *sides = names
    for place, record in json_objects(path):
        qid = id_of(record.get(query), place)
        for passages, scores in zip(sides, ("pos_scores", "neg_scores"), strict=True):
            yield from _side(record, (passages, scores), qid, place)


def _side(record: dict[str, Any], names: tuple[str, str], qid: str, place: Place) -> Iterator[Row]:
    passages = list_of(record, names[0], place)
    scores = list_of(record, names[1], place, len(passages))
    for pid, score in zip(passages, scores, strict=True):
        yield Row(place.line, qid, id_of(pid, place), score_of(score, place))
