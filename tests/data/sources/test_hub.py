import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from data.errors import CollectionError
from data.identity import canonical
from data.sources import SourceChoice
from data.sources.hub import HubConfig

ROWS = {
    "corpus": [
        {"_id": "007", "title": "Rhine", "text": "It rises in the Alps."},
        {"_id": "8", "title": "", "text": "b"},
    ],
    "queries": [{"_id": "q1", "text": "what"}, {"_id": "q2", "text": "who"}],
    "test": [{"query-id": "q1", "corpus-id": "007", "score": 1.0}],
    "more": [{"query-id": "q2", "corpus-id": "8", "score": 1.0}],
    "train": [{"query": "where does the Rhine rise", "answer": "rhine it rises in the alps"}],
}
# Which files are the splits of which configuration, as the card of a dataset says it.
CARD = """---
configs:
- config_name: corpus
  data_files: [{split: corpus, path: corpus.jsonl}]
- config_name: queries
  data_files: [{split: queries, path: queries.jsonl}]
- config_name: default
  data_files: [{split: test, path: test.jsonl}, {split: more, path: more.jsonl}]
- config_name: pair
  data_files: [{split: train, path: train.jsonl}]
---
"""


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A local folder in the form of a dataset of the hub with four configurations."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "nq"
    folder.mkdir()
    for name, rows in ROWS.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "README.md").write_text(CARD)
    return str(folder)


def settings(dataset, **more):
    return {
        "passages": {"dataset": dataset, "config": "corpus"},
        "queries": {"dataset": dataset, "config": "queries", "split": "queries"},
        "qrels": {"test": {"dataset": dataset, "config": "default", "split": "test"}},
    } | more


def test_the_tables_of_natural_questions_are_pinned():
    path = Path(__file__).resolve().parents[3] / "configs" / "nq.toml"
    source = TypeAdapter(SourceChoice).validate_python(tomllib.loads(path.read_text())["source"])
    assert isinstance(source, HubConfig)
    tables = [source.passages, source.queries, *source.qrels.values(), source.pairs]
    assert [table.dataset for table in tables] == ["mteb/nq"] * 3 + [
        "sentence-transformers/natural-questions"
    ]
    assert all(re.fullmatch("[0-9a-f]{40}", table.revision) for table in tables)


def test_three_configurations_make_a_collection(dataset):
    collection = HubConfig(**settings(dataset)).read()
    assert collection.passages.table.to_pylist() == [
        {"pid": "007", "title": "Rhine", "text": "It rises in the Alps."},
        {"pid": "8", "title": "", "text": "b"},
    ]
    assert collection.queries.table.to_pydict() == {"qid": ["q1", "q2"], "text": ["what", "who"]}
    assert collection.judgements["test"].where(0) == f"{dataset} default test, row 1"


def test_pairs_become_train_judgements(dataset):
    collection = HubConfig(**settings(dataset, pairs={"dataset": dataset, "config": "pair"})).read()
    train = collection.judgements["train"].table
    assert train["pid"].to_pylist() == ["007"]
    assert collection.queries.table["text"].to_pylist() == ["what", "who", "where does the Rhine rise"]


def test_columns_may_have_other_names(dataset):
    queries = {"dataset": dataset, "config": "pair", "id": "answer", "text": "query"}
    collection = HubConfig(**settings(dataset, queries=queries)).read()
    assert collection.queries.names == {"qid": "answer", "text": "query"}
    assert collection.queries.table["qid"].to_pylist() == ["rhine it rises in the alps"]


def test_the_address_holds_name_and_revision_but_of_a_local_folder_its_files(dataset, digests):
    hub = {"dataset": "mteb/nq", "revision": "b774495"}
    address = canonical(HubConfig(**settings(dataset, queries=hub)), digests)
    assert address["queries"]["dataset"] == "mteb/nq"
    assert address["queries"]["revision"] == "b774495"
    assert sorted(address["passages"]["dataset"]) == [
        "README.md",
        "corpus.jsonl",
        "more.jsonl",
        "queries.jsonl",
        "test.jsonl",
        "train.jsonl",
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"dataset": "no-such/dataset"},
            "no-such/dataset corpus: found nothing that can be read (Couldn't reach",
        ),
        ({"config": "corpora"}, "corpora: found nothing that can be read ("),
        ({"split": "train"}, "corpus train: found nothing that can be read ("),
        ({"config": "default"}, "default: found the splits test, more; expected one. Name the split"),
        ({"text": "body"}, "corpus: found the columns _id, title, text; expected a column body."),
    ],
)
def test_a_table_that_cannot_be_read_says_what_to_check(dataset, table, message):
    config = HubConfig(**settings(dataset, passages={"dataset": dataset, "config": "corpus"} | table))
    with pytest.raises(CollectionError, match=re.escape(message)):
        config.read()


def test_pairs_beside_train_judgements_are_refused(dataset):
    train = {"train": {"dataset": dataset, "config": "default", "split": "test"}}
    with pytest.raises(
        ValidationError, match=r"found both pairs and qrels\.train; expected one of them\. Remove"
    ):
        HubConfig(**settings(dataset, qrels=train, pairs={"dataset": dataset}))


def test_a_dataset_that_brings_code_is_refused(dataset, tmp_path):
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "scripted.py").write_text("raise SystemExit('this code ran')\n")
    with pytest.raises(CollectionError, match="scripted: found nothing that can be read"):
        HubConfig(**settings(dataset, passages={"dataset": str(folder)})).read()
