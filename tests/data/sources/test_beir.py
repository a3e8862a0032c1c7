import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import CollectionError
from data.identity import canonical
from data.sources.beir import BeirConfig

DATASETS = Path(__file__).resolve().parents[4] / "shared" / "datasets"
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
FIELD = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\r\n"), min_size=1, max_size=6
)


def write(folder, corpus, queries, qrels, *, pack=False, ascii_only=False):
    suffix = ".gz" if pack else ""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    files = {"corpus.jsonl": corpus, "queries.jsonl": queries}
    for name, rows in files.items():
        lines = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
        save(folder / (name + suffix), lines)
    for split, rows in qrels.items():
        header = "query-id\tcorpus-id\tscore\n"
        save(
            folder / "qrels" / f"{split}.tsv{suffix}", header + "".join("\t".join(row) + "\n" for row in rows)
        )
    return folder


def save(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def rows_of(sheet):
    return list(zip(*(column.to_pylist() for column in sheet.table.columns), strict=True))


@given(
    passages=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5),
    judged=st.lists(st.tuples(FIELD, FIELD, st.integers(0, 3)), max_size=5),
    pack=st.booleans(),
    ascii_only=st.booleans(),
)
def test_what_was_written_is_read_verbatim(passages, judged, pack, ascii_only, tmp_path_factory):
    corpus = [{"_id": pid, "title": title, "text": text} for pid, title, text in passages]
    queries = [{"_id": pid, "text": text} for pid, _, text in passages]
    qrels = {"test": [(qid, pid, str(grade)) for qid, pid, grade in judged]}
    folder = write(tmp_path_factory.mktemp("beir"), corpus, queries, qrels, pack=pack, ascii_only=ascii_only)
    collection = BeirConfig(path=folder).read()
    assert rows_of(collection.passages) == passages
    assert rows_of(collection.queries) == [(pid, text) for pid, _, text in passages]
    assert rows_of(collection.judgements["test"]) == judged


def test_ids_titles_and_other_keys(tmp_path):
    corpus = [
        {"_id": "007", "text": "a", "metadata": {"url": "x"}},
        {"_id": 7, "title": None, "text": "b"},
        {"_id": "a b", "title": "T", "text": None},
    ]
    collection = BeirConfig(path=write(tmp_path, corpus, [], {})).read()
    assert rows_of(collection.passages) == [("007", "", "a"), ("7", "", "b"), ("a b", "T", None)]
    assert collection.queries.table.num_rows == 0
    assert collection.judgements == {}


def test_lines_are_counted_in_the_file(tmp_path):
    write(tmp_path, [], [], {"test": [("q", "p", "1"), ("q", "r", "2")]})
    (tmp_path / "corpus.jsonl").write_text('\n{"_id": "a", "text": "x"}\n\n{"_id": "b", "text": "y"}\n')
    collection = BeirConfig(path=tmp_path).read()
    assert collection.passages.where(1) == f"{tmp_path}/corpus.jsonl, line 4"
    assert collection.judgements["test"].where(0) == f"{tmp_path}/qrels/test.tsv, line 2"


def test_the_address_of_a_collection_does_not_hold_its_path(tmp_path, digests):
    here, there = (
        write(tmp_path / name, [{"_id": "a", "text": "x"}], [], {"test": []}) for name in ("here", "there")
    )
    assert canonical(BeirConfig(path=here), digests) == canonical(BeirConfig(path=there), digests)
    with pytest.raises(CollectionError, match="nowhere: found no folder"):
        canonical(BeirConfig(path=tmp_path / "nowhere"), digests)


@pytest.mark.parametrize(
    ("name", "passages", "queries", "judgements"),
    [
        # Counts of the README beside the data sets.
        ("nq-mini", 1_938, 1_655, {"train": 1_105, "dev": 150, "test": 400}),
        ("medquad", 15_809, 14_345, {"train": 14_084, "dev": 571, "test": 1_704}),
    ],
)
def test_real_collections_have_the_counts_of_their_readme(name, passages, queries, judgements):
    if not (DATASETS / name).is_dir():
        pytest.skip(f"no {DATASETS / name}: a real collection, which the project does not bring")
    collection = BeirConfig(path=DATASETS / name).read()
    assert collection.passages.table.num_rows == passages
    assert collection.queries.table.num_rows == queries
    assert {split: sheet.table.num_rows for split, sheet in collection.judgements.items()} == judgements
