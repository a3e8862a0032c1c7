"""Questions with answers, but without identifiers, made into train judgements.

The passage of a pair is the passage of the collection that says the same: equal letters and digits in
its text, or in its title and text together. Spaces, punctuation and case do not count, for
collections differ in these though they were cut from the same pages.

A question that the collection already has is left out: training on it would teach to the test.
"""

from hashlib import blake2b
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa

from data.checks import refuse
from data.collections import Collection, Sheet
from data.errors import CollectionError

Unmatched = Literal["drop", "add"]


def with_pairs(collection: Collection, pairs: Sheet, unmatched: Unmatched) -> Collection:
    """Add the pairs' questions, and judgements of grade 1, as the train split.

    Identifiers are made of the text, so that they stay when pairs are added. ``unmatched`` says what
    becomes of a pair whose answer is no passage: it is dropped, or its answer is added to the passages.

    Raises:
        CollectionError: a question or an answer is empty, or no pair is left.
    """
    _refuse_blank(pairs)
    known = pl.DataFrame(collection.queries.table).select(_same_words(pl.col("text")))
    rows = pl.DataFrame(pairs.table).unique(maintain_order=True)
    new = rows.join(known, left_on=_same_words(pl.col("query")), right_on="text", how="anti")
    matched = new.with_columns(key=_letters(pl.col("text"))).join(
        _passage_of_letters(collection.passages), on="key", how="left", maintain_order="left"
    )
    found = len(matched) - matched["pid"].null_count()
    if unmatched == "drop":
        _refuse_all_dropped(pairs, found)
        matched = matched.drop_nulls("pid")
    passage, query = _identifiers(matched["text"]), _identifiers(matched["query"])
    added = matched.select(
        passage.alias("pid"), pl.lit("").alias("title"), "text", is_new=pl.col("pid").is_null()
    )
    added = added.filter("is_new").drop("is_new").unique("pid")
    matched = matched.with_columns(pl.col("pid").fill_null(passage), qid=query)
    return Collection(
        passages=_extend(collection.passages, added),
        queries=_extend(collection.queries, matched.select("qid", text="query").unique("qid")),
        judgements={**collection.judgements, "train": _judgements(matched, pairs)},
        facts={
            "pairs": len(rows),
            "pairs_of_known_queries": len(rows) - len(new),
            "pairs_matched": found,
            "passages_added": len(added),
        },
    )


def _judgements(matched: pl.DataFrame, pairs: Sheet) -> Sheet:
    table = matched.select("qid", "pid").unique(maintain_order=True).with_columns(grade=pl.lit(1, pl.Int64))
    names = {"qid": pairs.names["query"], "pid": pairs.names["text"], "grade": "grade"}
    return Sheet(_arrow(table), pairs.place, names)


def _passage_of_letters(passages: Sheet) -> pl.DataFrame:
    frame = pl.DataFrame(passages.table)
    texts = frame.select("pid", key=_letters(pl.col("text")))
    whole = frame.select("pid", key=_letters(pl.col("title") + pl.col("text")))
    # Equal passages: the first in the order of pid, as ties break everywhere.
    return pl.concat([texts, whole]).group_by("key").agg(pl.col("pid").min())


def _letters(text: pl.Expr) -> pl.Expr:
    """Hash what is left without spaces, punctuation and case."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "").hash()


def _same_words(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _identifiers(texts: pl.Series) -> pl.Series:
    hashes = [blake2b(text.encode(), digest_size=10).hexdigest() for text in texts]
    return pl.Series([f"pair-{digits}" for digits in hashes], dtype=pl.String)


def _extend(sheet: Sheet, rows: pl.DataFrame) -> Sheet:
    # The rows of the collection come first and so keep their places.
    return Sheet(pa.concat_tables([sheet.table, _arrow(rows)]), sheet.place, sheet.names, sheet.lines)


def _arrow(frame: pl.DataFrame) -> pa.Table:
    table = frame.to_arrow()
    types = [pa.int64() if name == "grade" else pa.string() for name in table.column_names]
    return table.cast(pa.schema(zip(table.column_names, types, strict=True)))


def _refuse_blank(pairs: Sheet) -> None:
    frame = pl.DataFrame(pairs.table)
    for column in ("query", "text"):
        blank = frame[column].fill_null("").str.strip_chars() == ""
        rows = np.flatnonzero(blank.to_numpy())
        if rows.size:
            name = pairs.names[column]
            refuse(pairs, rows, f"an empty {name}", "words", "Fill or remove the row.")


def _refuse_all_dropped(pairs: Sheet, matched: int) -> None:
    if not matched:
        raise CollectionError(
            pairs.place,
            found="no answer that is a passage of the collection",
            expected="at least one",
            advice='Set pairs.unmatched = "add", or choose pairs cut from the same pages.',
        )
