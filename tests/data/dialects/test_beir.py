import polars as pl
import pytest

from data.dialects.beir import Beir
from data.errors import InputError
from data.sources.beir import BeirConfig

LOADER = """
import json, sys
from beir.datasets.data_loader import GenericDataLoader
from beir.util import load_runfile
folder = sys.argv[1]
human = GenericDataLoader(folder).load("train")
generated = GenericDataLoader(folder, prefix="qgen").load("train")
print(json.dumps([human, generated[1:], load_runfile(folder + "/answers.run")]))
"""


@pytest.fixture
def folder(small, tmp_path):
    (tmp_path / "beir").mkdir()
    assert Beir().write(small, tmp_path / "beir").pairs == 7
    return tmp_path / "beir"


def test_the_collection_is_one_that_the_pipeline_reads(folder):
    collection = BeirConfig(path=folder).read()
    assert collection.passages.table["pid"].to_pylist() == ["a", "b", "c"]
    assert collection.queries.table["qid"].to_pylist() == ["q1", "q3"]
    assert collection.judgements["train"].table.to_pylist() == [{"qid": "q1", "pid": "a", "grade": 1}]
    assert set(collection.judgements) == {"train"}


@pytest.mark.reference
def test_beir_reads_the_folder_the_generated_queries_and_the_scores(folder, ask_peer):
    (corpus, queries, qrels), generated, scores = ask_peer("beir", LOADER, folder)
    assert corpus["b"] == {"title": "title b", "text": "text b"}
    assert (queries, qrels) == ({"q1": "query q1"}, {"q1": {"a": 1}})
    assert generated == [{"q2": "query q2"}, {"q2": {"b": 1}}]
    assert scores == {
        "q1": {"a": 2.5, "c": 0.1, "b": -1.0},
        "q2": {"a": 0.5, "b": 0.25},
        "q3": {"c": 3.0, "a": 1.0},
    }


def test_identifiers_that_the_loader_would_unquote_are_refused(small, tmp_path):
    key = type(small)(
        answers=small.answers,
        passages=small.passages.with_columns(pl.col("pid").replace("c", '"c')),
        queries=small.queries,
        qrels=small.qrels,
        teacher="sharp",
    )
    with pytest.raises(
        InputError, match=r"beir: found 1 of 3 values of pid such as '\"c'; expected no white space"
    ):
        Beir().write(key, tmp_path)
