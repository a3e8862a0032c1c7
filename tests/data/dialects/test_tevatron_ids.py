import json

import pytest

from data.dialect import read_answers
from data.dialects.tevatron_ids import TevatronIds
from data.errors import InputError

LOADER = """
import json, sys
from types import SimpleNamespace
from tevatron.retriever.arguments import DataArguments
from tevatron.retriever.dataset import TrainDataset
arguments = DataArguments(
    dataset_name="json", dataset_path=sys.argv[1], corpus_name="json", corpus_path=sys.argv[2],
    dataset_cache_dir=sys.argv[3], train_group_size=2, query_prefix="", passage_prefix="",
)
trainer = SimpleNamespace(state=SimpleNamespace(epoch=0), args=SimpleNamespace(seed=0))
rows = TrainDataset(arguments, trainer)
print(json.dumps([rows[number] for number in range(len(rows))]))
"""


@pytest.fixture
def folder(small, tmp_path):
    (tmp_path / "ids").mkdir()
    exported = TevatronIds().write(small, tmp_path / "ids")
    assert exported.pairs == 5
    assert "passes over the scores" in exported.note
    return tmp_path / "ids"


def test_a_line_is_a_query_that_names_its_passages(folder):
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "query_id": "q1",
        "query_text": "query q1",
        "positive_document_ids": ["a"],
        "negative_document_ids": ["c", "b"],
        "positive_scores": [2.5],
        "negative_scores": [0.1, -1.0],
    }
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    assert corpus == [{"docid": pid, "text": f"title {pid} text {pid}"} for pid in "abc"]


@pytest.mark.reference
def test_tevatron_reads_the_lines_and_the_corpus(folder, tmp_path, ask_peer):
    files = folder / "train.jsonl", folder / "corpus.jsonl", tmp_path / "cache"
    rows = ask_peer("tevatron.retriever.dataset", LOADER, *files, below="newer")
    # A query and the passages of its group, each with its text, image, video and sound.
    assert rows[1] == [
        ["query q2", None, None, None],
        [["title b text b", None, None, None], ["title a text a", None, None, None]],
    ]
    assert rows[0][1][0][0] == "title a text a"
    assert rows[0][1][1][0] in {"title b text b", "title c text c"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"query_text": "x"}, "found None as an identifier"),
        ({"positive_document_ids": None}, "found no list positive_document_ids; .*Check --format"),
        ({"positive_scores": None}, "found no list positive_scores"),
        ({"negative_scores": [1.0]}, "found 1 negative_scores; expected 2. Give every passage one score"),
        ({"negative_document_ids": ["b", ""]}, "found '' as an identifier"),
        ({"negative_scores": [0.5, "high"]}, "found the score 'high'"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(line, message, folder):
    file = folder / "train.jsonl"
    row = json.loads(file.read_text().splitlines()[0])
    broken = line if "query_text" in line else {**row, **line}
    file.write_text("\n" + json.dumps(broken) + "\n")
    with pytest.raises(InputError, match=r"train\.jsonl, line 2: " + message):
        read_answers(TevatronIds(), folder, "t")
