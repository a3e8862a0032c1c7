r"""ColBERT's examples: a line for each query, with its passages and their scores ("64-way" where it has 64).

    examples.jsonl    [query, [passage, score], …]       the positives first, each part by falling score
    collection.tsv    passage \t text    queries.tsv    query \t text
    passages.parquet  pid                queries.parquet  qid

A passage and a query are row numbers from 0, for ColBERT knows no other identifiers; the last two files
say whose rows they are. Where they are missing, as beside files made for MS MARCO, the numbers are the ids.
A line is cut to ``nway`` passages when it is read and must have as many. Source:
https://github.com/stanford-futuredata/ColBERT ``colbert/data/examples.py``, ``training/lazy_batcher.py``
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.answer_key import AnswerKey
from data.answer_rows import Place, Row, frame_of, id_of, json_values, score_of
from data.dialect import TEACHER, UNSPLIT, Exported, Texts
from data.parquet_rows import read_columns

NAMES = {"qid": "queries.parquet", "pid": "passages.parquet"}


class Colbert:
    """One JSON list a query."""

    name = "colbert"
    file = "examples.jsonl"
    loses = (TEACHER, UNSPLIT, "tabs and line breaks of texts, which become spaces")

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the examples, the texts and the names of their rows."""
        queries, passages = key.named_queries, key.named_passages
        _write_texts(queries["query"], folder / "queries.tsv")
        _write_texts(passages["passage"], folder / "collection.tsv")
        queries.select("qid").write_parquet(folder / NAMES["qid"])
        passages.select("pid").write_parquet(folder / NAMES["pid"])
        query_rows = queries.select("qid").with_row_index("query")
        passage_rows = passages.select("pid").with_row_index("passage")
        pairs, shortest = 0, 0
        entry = pl.format("[{},{}]", "passage", pl.col("score").cast(pl.String))
        with (folder / self.file).open("w", encoding="utf-8", newline="\n") as file:
            for block in key.split_blocks():
                pairs += block.height
                rows = block.join(passage_rows, on="pid", maintain_order="left")
                lists = rows.group_by("qid", maintain_order=True).agg(length=pl.len(), entries=entry)
                lists = lists.join(query_rows, on="qid", maintain_order="left")
                shortest = min([shortest or block.height, *lists["length"].to_list()])
                lines = lists.select(pl.format("[{},{}]\n", "query", pl.col("entries").list.join(",")))
                file.writelines(lines.to_series())
        return Exported(pairs, f"the shortest list has {shortest} passages: train with nway up to {shortest}")

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read the examples, by the names of the rows if they lie beside them."""
        frame = frame_of(_rows(path), path)
        for column, name in NAMES.items():
            beside = path.with_name(name)
            if beside.is_file():
                frame = _named(frame, column, read_columns(beside, (column,))[column], path)
        return frame


def _write_texts(texts: pl.Series, path: Path) -> None:
    flat = texts.str.replace_all(r"[\t\r\n]+", " ").to_frame("text").with_row_index("row")
    flat.write_csv(path, separator="\t", include_header=False, quote_style="never")


def _named(frame: pl.DataFrame, column: str, names: pl.Series, path: Path) -> pl.DataFrame:
    row = pl.col(column).cast(pl.Int64, strict=False)
    outside = frame.filter(~row.is_between(0, len(names) - 1).fill_null(value=False)).head(1)
    if len(outside):
        found = f"{outside[column][0]!r}"
        expected = f"a row of {NAMES[column]}, from 0 to {len(names) - 1}"
        advice = "Take both files from one export, or move that one away where the numbers are identifiers."
        raise Place(path, outside["line"][0]).bad(found, expected, advice)
    return frame.with_columns(names.gather(frame.select(row).to_series()).alias(column))


def _rows(path: Path) -> Iterator[Row]:
    for place, example in json_values(path):
        if not isinstance(example, list) or len(example) < 2:
            raise place.bad(f"{example!r}"[:80], "a list [query, [passage, score], …]", "Check --format.")
        qid = id_of(example[0], place)
        for entry in example[1:]:
            if not isinstance(entry, list) or len(entry) != 2:
                advice = "Triples without scores are no answers."
                raise place.bad(f"{entry!r}"[:80], "[passage, score]", advice)
            yield Row(place.line, qid, id_of(entry[0], place), score_of(entry[1], place))
