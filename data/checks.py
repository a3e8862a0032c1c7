"""What must hold of a collection before anything is made of it, and one message when it does not.

The first offending row is named, and how many more there are like it.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from data.collections import Collection, Sheet
from data.errors import CollectionError
from data.splits import Split

Mask = npt.NDArray[np.bool_]
LARGEST_GRADE = int(np.iinfo(np.int16).max)


def check_passages(sheet: Sheet) -> None:
    """Identifiers are there, whole and unique; every passage has a title or a text.

    Raises:
        CollectionError: one of these does not hold, or there is no passage.
    """
    if not sheet.table.num_rows:
        raise CollectionError(
            sheet.place, found="no passage", expected="at least one", advice="Check that the file is whole."
        )
    _check_ids(sheet, "pid")
    _refuse_null(sheet, "text")
    blank = _is_blank(sheet.table["text"]) & _is_blank(sheet.table["title"])
    names = f"{sheet.names['title']} or {sheet.names['text']}"
    _refuse(sheet, blank, lambda _: "an empty passage", f"words in {names}", "Fill or remove the row.")


def check_queries(sheet: Sheet) -> None:
    """Identifiers are there, whole and unique; every query has words.

    Raises:
        CollectionError: one of these does not hold.
    """
    _check_ids(sheet, "qid")
    _refuse_null(sheet, "text")
    blank = _is_blank(sheet.table["text"])
    wanted = f"words in {sheet.names['text']}"
    _refuse(sheet, blank, lambda _: "an empty query", wanted, "Fill or remove the row.")


def check_judgements(sheet: Sheet) -> None:
    """Nothing is missing, grades are numbers from 0, and no pair has two grades.

    Raises:
        CollectionError: one of these does not hold.
    """
    for column in ("qid", "pid", "grade"):
        _refuse_null(sheet, column)
    grades = sheet.table["grade"].to_numpy()
    wrong = (grades < 0) | (grades > LARGEST_GRADE)
    wanted = f"a whole number from 0 to {LARGEST_GRADE}"
    advice = "Write 0 for a passage that was judged and found irrelevant."
    _refuse(sheet, wrong, lambda row: f"the grade {grades[row]}", wanted, advice)
    differs = pl.col("grade") != pl.col("grade").first().over("qid", "pid")
    _refuse(
        sheet,
        pl.DataFrame(sheet.table).select(differs).to_series().to_numpy(),
        lambda row: f"a second grade, {grades[row]}, for {_pair(sheet, row)}",
        "one grade per query and passage",
        "Remove one of the two rows.",
    )


def check_apart(judgements: Mapping[Split, Sheet]) -> None:
    """No query is judged in two splits, for then one would be trained on what the other measures.

    Raises:
        CollectionError: a query is in two splits.
    """
    sheets = list(judgements.values())
    for position, sheet in enumerate(sheets):
        for other in sheets[:position]:
            _refuse(
                sheet,
                _is_in(sheet.table["qid"], other.table["qid"]),
                lambda row, sheet=sheet, other=other: (
                    f"{_value(sheet, 'qid', row)}, also judged in {other.place}"
                ),
                "each query in one split",
                "Remove its rows from one of the two files.",
            )


def known_rows(collection: Collection, split: Split) -> Mask:
    """Mark the judgements whose query and passage are both in the collection."""
    table = collection.judgements[split].table
    query = _is_in(table["qid"], collection.queries.table["qid"])
    return query & _is_in(table["pid"], collection.passages.table["pid"])


def refuse_unknown(collection: Collection, split: Split) -> None:
    """Every judgement is about a query and a passage of the collection.

    Raises:
        CollectionError: a judgement is about something else.
    """
    sheet = collection.judgements[split]
    for column, home in (("qid", collection.queries), ("pid", collection.passages)):
        _refuse(
            sheet,
            ~_is_in(sheet.table[column], home.table[column]),
            lambda row, column=column: _value(sheet, column, row),
            f"an id that {home.place} has",
            'Add it there, remove the row, or set ingest.unknown_ids = "drop".',
        )


def refuse(sheet: Sheet, rows: npt.NDArray[np.int64], found: str, expected: str, advice: str) -> NoReturn:
    """Raise about the first of ``rows``, counting the others."""
    more = f" (and {rows.size - 1} more rows like it)" if rows.size > 1 else ""
    raise CollectionError(sheet.where(int(rows[0])), found=found + more, expected=expected, advice=advice)


def _refuse(sheet: Sheet, mask: Mask, found: Callable[[int], str], expected: str, advice: str) -> None:
    rows = np.flatnonzero(mask)
    if rows.size:
        refuse(sheet, rows, found(int(rows[0])), expected, advice)


def _refuse_null(sheet: Sheet, column: str) -> None:
    missing = sheet.table[column].is_null().to_numpy()
    name = sheet.names[column]
    _refuse(sheet, missing, lambda _: f"no {name}", f"a value of {name}", "Fill or remove the row.")


def _check_ids(sheet: Sheet, column: str) -> None:
    _refuse_null(sheet, column)
    ids = pl.Series(sheet.table[column])
    name = sheet.names[column]
    _refuse(sheet, (ids == "").to_numpy(), lambda _: f"an empty {name}", "an id", "Give the row an id.")
    # No line of qrels or of a run could name such an id.
    broken = ids.str.contains(r"[\t\r\n]").to_numpy()
    _refuse(
        sheet,
        broken,
        lambda row: f"{_value(sheet, column, row)}, which holds a tab or a line break",
        "an id that fits into one field of one line",
        "Rename it, also in the judgements.",
    )
    again = (~ids.is_first_distinct()).to_numpy()
    _refuse(
        sheet,
        again,
        lambda row: (
            f"{_value(sheet, column, row)}, which {sheet.where(int((ids == ids[row]).arg_max() or 0))} has"
        ),
        "each id once",
        "Rename or remove one of the two rows.",
    )


def _value(sheet: Sheet, column: str, row: int) -> str:
    return f"the {sheet.names[column]} {sheet.table[column][row].as_py()!r}"


def _pair(sheet: Sheet, row: int) -> str:
    return f"{_value(sheet, 'qid', row)} and {_value(sheet, 'pid', row)}"


def _is_blank(column: pa.ChunkedArray) -> Mask:
    return (pl.Series(column).str.strip_chars() == "").to_numpy()


def _is_in(column: pa.ChunkedArray, known: pa.ChunkedArray) -> Mask:
    return pl.Series(column).is_in(pl.Series(known).implode()).to_numpy()
