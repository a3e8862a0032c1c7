from typing import NamedTuple

import ir_datasets
import pytest
from ir_datasets.datasets.base import Dataset
from ir_datasets.formats import GenericQuery, TrecQrel

from data.errors import CollectionError
from data.identity import canonical
from data.sources.irds import IrdsConfig


class TitledDoc(NamedTuple):
    doc_id: str
    title: str | None
    text: str


class Page(NamedTuple):
    doc_id: str
    url: str
    body: str

    def default_text(self):
        return self.body


def handler(**methods):
    """A constituent of a dataset, as ir_datasets composes them, made of plain functions."""
    return type("Handler", (), {name: staticmethod(function) for name, function in methods.items()})()


def docs(rows, cls):
    return handler(
        docs_handler=lambda: None,
        docs_iter=lambda: iter(rows),
        docs_cls=lambda: cls,
        docs_count=lambda: len(rows),
    )


def queries(*rows):
    return handler(
        queries_handler=lambda: None, queries_iter=lambda: iter([GenericQuery(*row) for row in rows])
    )


def qrels(*rows):
    return handler(qrels_handler=lambda: None, qrels_iter=lambda: iter([TrecQrel(*row, "0") for row in rows]))


@pytest.fixture
def catalogue(monkeypatch):
    """Small datasets under names that ir_datasets then knows."""
    known = {
        "toy": docs([TitledDoc("007", None, "x"), TitledDoc("8", "T", "y")], TitledDoc),
        "toy/pages": docs([Page("p", "http://x", "words")], Page),
    }
    known = {name: Dataset(part) for name, part in known.items()}
    known["toy/train"] = Dataset(queries(("q1", "what"), ("q2", "who")), qrels(("q1", "007", 1)))
    known["toy/test"] = Dataset(queries(("q2", "who")), qrels(("q2", "8", 2), ("q2", "007", 0)))
    for name, dataset in known.items():
        monkeypatch.setitem(ir_datasets.registry._registered, name, dataset)


def test_passages_and_splits_come_from_the_datasets_that_are_named(catalogue):
    collection = IrdsConfig(documents="toy", splits={"train": "toy/train", "test": "toy/test"}).read()
    assert collection.passages.table.to_pydict() == {
        "pid": ["007", "8"],
        "title": ["", "T"],
        "text": ["x", "y"],
    }
    # q2 is in both datasets, in the same words: one query.
    assert collection.queries.table.to_pydict() == {"qid": ["q1", "q2"], "text": ["what", "who"]}
    assert collection.judgements["train"].table.to_pydict() == {"qid": ["q1"], "pid": ["007"], "grade": [1]}
    assert collection.judgements["test"].table["grade"].to_pylist() == [2, 0]
    assert collection.judgements["test"].where(1) == "toy/test qrels, row 2"


def test_a_document_of_another_form_is_its_default_text(catalogue):
    collection = IrdsConfig(documents="toy/pages", splits={"test": "toy/test"}).read()
    assert collection.passages.table.to_pylist() == [{"pid": "p", "title": "", "text": "words"}]


def test_the_address_is_the_names(digests):
    config = IrdsConfig(documents="beir/nq", splits={"test": "beir/nq"})
    assert canonical(config, digests) == {
        "kind": "irds",
        "documents": "beir/nq",
        "splits": {"test": "beir/nq"},
    }


@pytest.mark.parametrize(
    ("documents", "split", "message"),
    [
        ("toy", "toys", r"toys: found a name that ir_datasets does not know; .*Look it up at"),
        (
            "toy",
            "toy/pages",
            r"toy/pages: found a dataset without queries; expected one with queries\. Its page",
        ),
        ("toy/test", "toy/test", r"toy/test: found a dataset without docs"),
    ],
)
def test_a_dataset_without_what_is_asked_of_it_is_refused(catalogue, documents, split, message):
    with pytest.raises(CollectionError, match=message):
        IrdsConfig(documents=documents, splits={"test": split}).read()
