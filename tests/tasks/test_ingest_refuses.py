"""Malformed collections: each gives one message with its place and advice, and nothing is written."""

import gzip
import re

import pytest

from data.errors import CollectionError
from tasks.ingest import Ingest, ingest

HEADER = "query-id\tcorpus-id\tscore\n"
PASSAGE = '{"_id": "p1", "text": "Gold."}\n'
QUERY = '{"_id": "q0", "text": "what"}\n'
SOUND = {
    "corpus.jsonl": PASSAGE,
    "queries.jsonl": QUERY + '{"_id": "q2", "text": "who"}\n',
    "qrels/train.tsv": HEADER + "q0\tp1\t1\n",
    "qrels/test.tsv": HEADER + "q2\tp1\t2\n",
}
# What is put in place of a sound file, what the message must say, and how its advice begins.
MALFORMED = {
    "missing corpus": (
        {"corpus.jsonl": None},
        "collection: found qrels, queries.jsonl; expected corpus.jsonl or",
        "Add",
    ),
    "missing queries": (
        {"queries.jsonl": None},
        "collection: found corpus.jsonl, qrels; expected queries.jsonl",
        "Add",
    ),
    "empty corpus": ({"corpus.jsonl": ""}, "corpus.jsonl: found no passage; expected at least one", "Check"),
    "bad JSON": (
        {"corpus.jsonl": PASSAGE + '{"_id": "p2", "text": \n'},
        "corpus.jsonl, line 2: found what is not JSON (Expecting value",
        "Correct the line",
    ),
    "no object": (
        {"queries.jsonl": QUERY + "[1, 2]\n"},
        "queries.jsonl, line 2: found a JSON array; expected",
        "Write",
    ),
    "missing id": (
        {"corpus.jsonl": '{"text": "x"}\n'},
        "corpus.jsonl, line 1: found no _id; expected a value",
        "Fill",
    ),
    "fraction as id": (
        {"corpus.jsonl": '{"_id": 1.5, "text": "x"}\n'},
        "line 1: found _id as a JSON number",
        "Put",
    ),
    "missing text": (
        {"corpus.jsonl": PASSAGE + '{"_id": "p2"}\n'},
        "corpus.jsonl, line 2: found no text",
        "Fill",
    ),
    "null text": (
        {"queries.jsonl": '{"_id": "q0", "text": null}\n'},
        "queries.jsonl, line 1: found no text",
        "Fill",
    ),
    "text no string": (
        {"corpus.jsonl": '{"_id": "a", "text": ["x"]}\n'},
        "line 1: found text as a JSON array",
        "Put",
    ),
    "empty passage": (
        {"corpus.jsonl": PASSAGE + '\n{"_id": "p2", "title": "", "text": " "}\n'},
        "corpus.jsonl, line 3: found an empty passage; expected words in title or text",
        "Fill or remove",
    ),
    "empty query": (
        {"queries.jsonl": '{"_id": "q0", "text": ""}\n'},
        "queries.jsonl, line 1: found an empty query",
        "Fill",
    ),
    "duplicate passage": (
        {"corpus.jsonl": PASSAGE * 2},
        "corpus.jsonl, line 2: found the _id 'p1', which",
        "Rename",
    ),
    "duplicate query": (
        {"queries.jsonl": QUERY * 2},
        "queries.jsonl, line 2: found the _id 'q0', which",
        "Rename",
    ),
    "half a character": (
        {"corpus.jsonl": PASSAGE + r'{"_id": "p2", "text": "\ud800"}' + "\n"},
        "corpus.jsonl, line 2: found half of a surrogate pair; expected whole",
        "Replace",
    ),
    "wrong header": (
        {"qrels/test.tsv": "qid\tpid\tgrade\nq2\tp1\t1\n"},
        r"test.tsv, line 1: found 'qid\tpid\tgrade'; expected the header query-id, corpus-id, score",
        "Put it above",
    ),
    "wrong columns": (
        {"qrels/test.tsv": HEADER + "q2 p1 1\n"},
        "test.tsv, line 2: found 'q2 p1 1'; expected 3 columns",
        "Separate",
    ),
    "decimal grade": (
        {"qrels/test.tsv": HEADER + "q2\tp1\t0.5\n"},
        "test.tsv, line 2: found the score '0.5'",
        "Round",
    ),
    "negative grade": (
        {"qrels/test.tsv": HEADER + "q2\tp1\t-1\n"},
        "test.tsv, line 2: found the grade -1",
        "Write 0",
    ),
    "two grades": (
        {"qrels/test.tsv": HEADER + "q2\tp1\t1\nq2\tp1\t2\n"},
        "test.tsv, line 3: found a second grade, 2, for the query-id 'q2' and the corpus-id 'p1'; exp",
        "Remove",
    ),
    "unknown query": (
        {"qrels/test.tsv": HEADER + "Q2\tp1\t1\n"},
        "test.tsv, line 2: found the query-id 'Q2'",
        "Add it",
    ),
    "unknown passage": (
        {"qrels/test.tsv": HEADER + "q2\tp01\t1\n"},
        "line 2: found the corpus-id 'p01'",
        "Add it",
    ),
    "two splits": (
        {"qrels/test.tsv": HEADER + "q2\tp1\t1\nq0\tp1\t1\n"},
        "test.tsv, line 3: found the query-id 'q0', also judged in",
        "Remove its rows",
    ),
    "no such split": (
        {"qrels/tests.tsv": HEADER},
        "tests.tsv: found a name of no split; expected train.tsv",
        "Rename",
    ),
    "not UTF-8": ({"corpus.jsonl": PASSAGE.encode() + b"\xff\n"}, "line 2: found the byte 0xff", "Convert"),
    "truncated gzip": (
        {"corpus.jsonl": None, "corpus.jsonl.gz": gzip.compress(PASSAGE.encode() * 99)[:-20]},
        "corpus.jsonl.gz, after line",
        "Copy or download the file again",
    ),
}


def write(folder, files):
    """Write a collection; a file given as None is left out."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_collection_gives_one_message_and_writes_nothing(name, tmp_path, store):
    files, place, advice = MALFORMED[name]
    config = Ingest(source={"kind": "beir", "path": write(tmp_path / "collection", SOUND | files)})
    with pytest.raises(CollectionError, match=re.escape(place)) as caught:
        ingest.run(store, config, {})
    assert re.fullmatch(rf".+: found .+; expected .+\. {re.escape(advice)}.+", str(caught.value))
    assert list((store.root / ".drafts").glob("*")) == []
    assert not (store.root / "ingest").exists()


def test_the_collection_that_they_are_made_from_is_sound(tmp_path, store):
    config = Ingest(source={"kind": "beir", "path": write(tmp_path / "collection", SOUND)})
    assert sorted(ingest.run(store, config, {}).parts) == [
        "passages.parquet",
        "qrels.parquet",
        "queries.parquet",
    ]


def test_a_missing_folder_is_refused_before_anything_is_made(tmp_path, store):
    config = Ingest(source={"kind": "beir", "path": tmp_path / "nowhere"})
    with pytest.raises(CollectionError, match=r"nowhere: found no folder; expected .*Correct source\.path"):
        ingest.recipe(store, config, {})
    assert not store.root.exists()
