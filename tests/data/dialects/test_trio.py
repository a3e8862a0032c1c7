import polars as pl
import pytest

from data.dialect import read_answers
from data.dialects.trio import Trio
from data.errors import InputError

KD_PROCESSING = """
import json, sys
from datasets import Dataset
from pylate.utils import KDProcessing
train, queries, documents = (
    Dataset.from_parquet(f"{sys.argv[1]}/{name}.parquet", cache_dir=sys.argv[2])
    for name in ("train", "queries", "documents")
)
train.set_transform(KDProcessing(queries=queries, documents=documents).transform)
print(json.dumps([{name: row[name] for name in ("query", "documents", "scores")} for row in train]))
"""
# Positives first, then the rest; each part by falling score.
EXPECTED = {
    "query q1": {"title a text a": 2.5, "title c text c": 0.1, "title b text b": -1.0},
    "query q2": {"title b text b": 0.25, "title a text a": 0.5},
    "query q3": {"title c text c": 3.0, "title a text a": 1.0},
}


@pytest.fixture
def folder(small, tmp_path):
    (tmp_path / "trio").mkdir()
    assert Trio().write(small, tmp_path / "trio").pairs == 7
    return tmp_path / "trio"


def test_sentence_transformers_joins_the_trio(folder, tmp_path):
    from datasets import Dataset
    from sentence_transformers import resolve_ids

    train, queries, documents = (
        Dataset.from_parquet(str(folder / f"{name}.parquet"), cache_dir=str(tmp_path / "cache"))
        for name in ("train", "queries", "documents")
    )
    lookups = {"query_id": queries, "document_ids": documents}
    train.set_transform(resolve_ids(lookups, output_format="lists"))
    found = {row["query"]: dict(zip(row["documents"], row["scores"], strict=True)) for row in train}
    assert found == {query: pytest.approx(scores, rel=1e-7) for query, scores in EXPECTED.items()}
    assert [list(scores) for scores in found.values()] == [list(scores) for scores in EXPECTED.values()]


@pytest.mark.reference
def test_pylate_joins_the_trio(folder, tmp_path, ask_peer):
    rows = ask_peer("pylate", KD_PROCESSING, folder, tmp_path / "cache")
    found = {row["query"]: dict(zip(row["documents"], row["scores"], strict=True)) for row in rows}
    assert found == {query: pytest.approx(scores, rel=1e-7) for query, scores in EXPECTED.items()}


def test_lists_as_text_and_integers_are_read(tmp_path):
    rows = {"query_id": [7], "document_ids": ["[3, 4]"], "scores": ["[0.5, 1.5]"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "train.parquet")
    found = read_answers(Trio(), tmp_path, "bge").to_pylist()
    assert found == [
        {"qid": "7", "pid": "3", "teacher": "bge", "score": 0.5},
        {"qid": "7", "pid": "4", "teacher": "bge", "score": 1.5},
    ]


def test_a_list_without_its_scores_is_refused(tmp_path):
    rows = {"query_id": ["x", "y"], "document_ids": [["a"], ["a", "b"]], "scores": [[1.0], [1.0]]}
    pl.DataFrame(rows).write_parquet(tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"train.parquet, line 2: found lists of different lengths"):
        read_answers(Trio(), tmp_path, "t")
