"""Texts in the columns that the losses of sentence-transformers read: query, positive, negatives, label.

    tuples.parquet    query, positive, negative, label = [score of the positive, score of the negative]
    ids.parquet       query_id, positive_id, negative_id of the same rows

for every positive of a query with every negative; or, with n > 1 negatives in a row,

    tuples.parquet    query, positive, negative_1 … negative_n, label = [score of the positive, and of each]
    ids.parquet       query_id, positive_id, negative_1_id … negative_n_id

for every positive with its negatives, dealt out n at a time by falling score. What is left over does not fill
a row and is lost: a row that is filled twice with one passage would count it twice. ``MarginMSELoss`` and
``DistillKLDivLoss`` take these labels. The losses read every column that is not the label as a text, so the
identifiers lie in a table of their own; where it is missing, texts are looked up in a run. Source:
https://sbert.net/docs/sentence_transformer/loss_overview.html
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.answer_key import AnswerKey
from data.dialect import TEACHER, UNSPLIT, Exported, Texts, needs_texts
from data.errors import ConfigError, InputError
from data.parquet_rows import as_lists, read_columns, refuse_rows, scored

TEXTS_HELD = 100_000  # at a time


class Tuples:
    """One row for each positive with each ``negatives`` of its negatives; one of any width is read."""

    name = "tuples"
    file = "tuples.parquet"

    def __init__(self, negatives: int = 1) -> None:
        if negatives < 1:
            found = f"{negatives} negatives in a row"
            raise ConfigError(self.name, found=found, expected="at least 1", advice="Raise the number.")
        self.negatives = negatives

    @property
    def loses(self) -> tuple[str, ...]:
        """What is not scored on both sides, and what does not fill a row."""
        unfilled = (f"negatives that do not fill a row of {self.negatives}",) if self.negatives > 1 else ()
        return (TEACHER, UNSPLIT, *unfilled)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the texts and, row by row beside them, the identifiers."""
        names = _texts(self.negatives)
        tuples = [*((name, pa.string()) for name in names), ("label", pa.list_(pa.float32(), len(names) - 1))]
        text_schema, id_schema = pa.schema(tuples), pa.schema([(each, pa.string()) for each in _ids(names)])
        pairs = few = left = 0
        with (
            pq.ParquetWriter(folder / self.file, text_schema, compression="zstd") as texts,
            pq.ParquetWriter(folder / "ids.parquet", id_schema, compression="zstd") as ids,
        ):
            for duels, _ in key.duels():
                dealt = _dealt(duels, self.negatives)
                pairs += dealt.select("qid", "pid").unique().height
                pairs += dealt.select("qid", "pids").explode("pids").unique().height
                counts = duels.group_by("qid").agg(pl.col("pid_negative").n_unique())["pid_negative"]
                few += int((counts < self.negatives).sum())
                left += int((counts.filter(counts >= self.negatives) % self.negatives).sum())
                for rows in _with_texts(dealt, names, key):
                    texts.write_table(rows.select(text_schema.names).to_arrow().cast(text_schema))
                    ids.write_table(rows.select(id_schema.names).to_arrow().cast(id_schema))
        lacking = f"{few} queries (fewer than {self.negatives} negatives), {left} negatives of others"
        return Exported(pairs, f"left out: {lacking}" if few or left else "")

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:
        """Read the tuples, with the identifiers beside them or those of ``texts``."""
        names = _found_texts(path)
        width = len(names) - 1
        frame = as_lists(read_columns(path, (*names, "label")), "label", pl.Float64(), path)
        wrong = pl.col("label").list.len() != width
        refuse_rows(frame, wrong, path, f"a label that is not {width} scores, one for each passage")
        beside = path.with_name("ids.parquet")
        named = beside.is_file()
        query, *passages = _ids(names) if named else names
        if named:
            ids = _same_height(read_columns(beside, (query, *passages)), frame, beside)
            frame = pl.concat([ids, frame], how="horizontal")
        parts = [
            frame.select("line", qid=query, pid=passage, score=pl.col("label").list.get(place))
            for place, passage in enumerate(passages)
        ]
        rows = scored(pl.concat(parts), path)
        return rows if named else needs_texts(path, texts).ids_of(rows, path)


def _texts(negatives: int) -> tuple[str, ...]:
    """Columns of a tuple, without its label.

    >>> _texts(1), _texts(2)
    (('query', 'positive', 'negative'), ('query', 'positive', 'negative_1', 'negative_2'))
    """
    numbered = (f"negative_{number}" for number in range(1, negatives + 1))
    return ("query", "positive", *(("negative",) if negatives == 1 else numbered))


def _ids(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_id" for name in texts)


def _found_texts(path: Path) -> tuple[str, ...]:
    """Columns of the tuples in a file; those of the narrowest where it has none."""
    try:
        found = pl.read_parquet_schema(path)
    except pl.exceptions.PolarsError:
        return _texts(1)  # whoever reads it says what is wrong
    numbers = sum(name.startswith("negative_") for name in found)
    return _texts(1) if "negative" in found or not numbers else _texts(max(2, numbers))


def _dealt(duels: pl.DataFrame, negatives: int) -> pl.DataFrame:
    """Full rows (qid, pid, score, pids, scores): a positive, and lists of so many negatives."""
    number = pl.int_range(pl.len()).over("qid", "pid") // negatives
    rows = duels.with_columns(row=number).group_by("qid", "pid", "score", "row", maintain_order=True)
    lists = rows.agg(pids="pid_negative", scores="score_negative")
    return lists.filter(pl.col("pids").list.len() == negatives)


def _with_texts(dealt: pl.DataFrame, names: tuple[str, ...], key: AnswerKey) -> Iterator[pl.DataFrame]:
    passages = key.named_passages.select("pid", "passage")
    ids = _ids(names)
    width = len(names) - 1
    for rows in dealt.iter_slices(max(1, TEXTS_HELD // width)):
        told = rows.select(
            label=pl.concat_list("score", "scores").list.to_array(width),
            query_id="qid",
            positive_id="pid",
            **{name: pl.col("pids").list.get(place) for place, name in enumerate(ids[2:])},
        )
        queries = key.named_queries.select(query_id="qid", query="query")
        told = told.join(queries, on="query_id", maintain_order="left")
        for name, identifier in zip(names[1:], ids[1:], strict=True):
            named = passages.rename({"pid": identifier, "passage": name})
            told = told.join(named, on=identifier, maintain_order="left")
        yield told


def _same_height(ids: pl.DataFrame, texts: pl.DataFrame, path: Path) -> pl.DataFrame:
    if ids.height != texts.height:
        raise InputError(
            str(path),
            found=f"{ids.height} rows",
            expected=f"{texts.height}, one for each of the tuples",
            advice="Export both files again, or move this one away and give --run.",
        )
    return ids.drop("line")
