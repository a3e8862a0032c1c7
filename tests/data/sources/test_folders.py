import re

import pytest

from data.errors import CollectionError
from data.sources.folders import Layout

LAYOUT = Layout(("corpus.jsonl", "corpus.jsonl.gz"), ("queries.jsonl",), (".tsv", ".tsv.gz"))


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "collection", "corpus.jsonl", "queries.jsonl", "qrels/test.tsv")


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def test_the_same_files_elsewhere_are_the_same_collection(folder, tmp_path, digests):
    moved = make(
        tmp_path / "moved", "corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "README.md", "qrels/note"
    )
    assert LAYOUT.identify(moved, digests) == LAYOUT.identify(folder, digests)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "qrels/train.tsv"])
def test_another_byte_in_a_file_is_another_collection(folder, digests, name):
    before = LAYOUT.identify(folder, digests)
    (folder / name).write_text("other")
    assert LAYOUT.identify(folder, digests) != before


def test_validation_is_another_word_for_dev(folder):
    make(folder, "qrels/validation.tsv.gz", "qrels/train.tsv")
    judgements = LAYOUT.find(folder).judgements
    assert {split: path.name for split, path in judgements.items()} == {
        "train": "train.tsv",
        "dev": "validation.tsv.gz",
        "test": "test.tsv",
    }


def test_judgements_may_be_missing(tmp_path):
    assert LAYOUT.find(make(tmp_path, "corpus.jsonl", "queries.jsonl")).judgements == {}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            (),
            "found no folder; expected a folder with corpus.jsonl, queries.jsonl and qrels/. Correct",
        ),
        (("queries.jsonl",), "found queries.jsonl; expected corpus.jsonl or corpus.jsonl.gz. Add the file"),
        (("corpus.jsonl",), "found corpus.jsonl; expected queries.jsonl."),
        (
            ("corpus.jsonl", "corpus.jsonl.gz"),
            "found corpus.jsonl and corpus.jsonl.gz; expected one of them.",
        ),
        (
            ("corpus.jsonl", "queries.jsonl", "qrels/tets.tsv"),
            "tets.tsv: found a name of no split; expected train.tsv",
        ),
        (
            ("corpus.jsonl", "queries.jsonl", "qrels/dev.tsv", "qrels/validation.tsv"),
            "qrels: found dev.tsv and validation.tsv; expected one of them. Remove",
        ),
    ],
)
def test_a_folder_that_cannot_be_read_is_refused_already_for_its_identity(tmp_path, digests, names, message):
    with pytest.raises(CollectionError, match=re.escape(message)):
        LAYOUT.identify(make(tmp_path / "broken", *names), digests)
