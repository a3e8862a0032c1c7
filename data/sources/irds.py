"""Datasets of ir_datasets, named as in its catalogue, https://ir-datasets.com.

Passages come from one dataset, the queries and judgements of each split from another or the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from data.collections import Collection, Sheet, SourceConfig
from data.errors import CollectionError
from data.progress import progress
from data.sources.collecting import Row, collect
from data.splits import Split


class IrdsConfig(SourceConfig):
    """A collection of ir_datasets."""

    kind: Literal["irds"] = "irds"
    documents: str = Field(description="The dataset whose documents are the passages, as in beir/nq.")
    splits: dict[Split, str] = Field(description="The dataset of each split's queries and judgements.")

    def read(self) -> Collection:
        """Fetch the datasets, or find them in the cache of ir_datasets, and read them."""
        names = list(dict.fromkeys(self.splits.values()))
        return Collection(
            passages=_read_passages(self.documents),
            queries=_merge([_read_queries(name) for name in names or [self.documents]]),
            judgements={split: _read_judgements(name) for split, name in self.splits.items()},
        )


def _read_passages(name: str) -> Sheet:
    dataset = _load(name, "docs")
    fields = dataset.docs_cls()._fields
    has_title = "title" in fields and "text" in fields
    documents = progress(dataset.docs_iter(), f"reading {name}", "passage", dataset.docs_count())
    # Where a document is not title and text, ir_datasets says what of it is to be searched.
    rows = (
        (document.doc_id, document.title or "", document.text)
        if has_title
        else (document.doc_id, "", document.default_text())
        for document in documents
    )
    return _sheet(rows, {"pid": "doc_id", "title": "title", "text": "text"}, f"{name} docs")


def _read_queries(name: str) -> Sheet:
    rows = ((query.query_id, query.default_text()) for query in _load(name, "queries").queries_iter())
    return _sheet(rows, {"qid": "query_id", "text": "text"}, f"{name} queries")


def _read_judgements(name: str) -> Sheet:
    judgements = progress(_load(name, "qrels").qrels_iter(), f"reading {name}", "judgement")
    rows = ((row.query_id, row.doc_id, int(row.relevance)) for row in judgements)
    return _sheet(rows, {"qid": "query_id", "pid": "doc_id", "grade": "relevance"}, f"{name} qrels")


def _sheet(rows: Iterable[Row], names: Mapping[str, str], place: str) -> Sheet:
    # ir_datasets gives rows, not the lines of its files.
    return replace(collect(enumerate(rows, start=1), names, place), lines=None)


def _merge(sheets: list[Sheet]) -> Sheet:
    """Put the splits' queries together; one that two splits list in the same words is one query."""
    rows = pa.concat_tables([sheet.table for sheet in sheets])
    table = rows.group_by(["qid", "text"], use_threads=False).aggregate([])
    return Sheet(table, " and ".join(sheet.place for sheet in sheets), sheets[0].names)


def _load(name: str, part: str) -> Any:  # noqa: ANN401  (ir_datasets has no types)
    import ir_datasets

    try:
        dataset = ir_datasets.load(name)
    except KeyError as error:
        raise CollectionError(
            name,
            found="a name that ir_datasets does not know",
            expected="an identifier of its catalogue",
            advice="Look it up at https://ir-datasets.com.",
        ) from error
    if not getattr(dataset, f"has_{part}")():
        raise CollectionError(
            name,
            found=f"a dataset without {part}",
            expected=f"one with {part}",
            advice="Its page at https://ir-datasets.com lists which of its parts have them.",
        )
    return dataset
