import json

import pytest

from data.dialect import read_answers
from data.dialects.tevatron import Tevatron
from data.errors import InputError

LOADER = """
import json, sys
from types import SimpleNamespace
from tevatron.datasets import HFTrainDataset, TrainPreProcessor
arguments = SimpleNamespace(
    train_path=[sys.argv[1]], dataset_split="train", dataset_name="json", dataset_language="default",
    q_max_len=9, p_max_len=9, dataset_proc_num=1, train_n_passages=2, passage_field_separator=" ",
)
tokenizer = SimpleNamespace(encode=lambda text, **_: text)
rows = HFTrainDataset(tokenizer, arguments, sys.argv[2]).process()
texts = [TrainPreProcessor(tokenizer)(row) for row in rows]
scores = [[passage["score"] for passage in row["positive_passages"]] for row in rows]
print(json.dumps([texts, scores]))
"""


@pytest.fixture
def file(small, tmp_path):
    (tmp_path / "tevatron").mkdir()
    assert Tevatron().write(small, tmp_path / "tevatron").pairs == 5
    return tmp_path / "tevatron" / "train.jsonl"


def test_a_line_is_a_query_with_its_passages(file):
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[1] == {
        "query_id": "q2",
        "query": "query q2",
        "positive_passages": [{"docid": "b", "title": "title b", "text": "text b", "score": 0.25}],
        "negative_passages": [{"docid": "a", "title": "title a", "text": "text a", "score": 0.5}],
    }
    assert [passage["docid"] for passage in rows[0]["negative_passages"]] == ["c", "b"]


@pytest.mark.reference
def test_tevatron_reads_the_lines(file, tmp_path, ask_peer):
    texts, scores = ask_peer("tevatron", LOADER, file, tmp_path / "cache")
    assert texts[0] == {
        "query": "query q1",
        "positives": ["title a text a"],
        "negatives": ["title c text c", "title b text b"],
    }
    assert scores == [[2.5], [0.25]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": "x"}', "found None as an identifier"),
        ('{"query_id": "q"}', "found no list positive_passages; .*Check --format"),
        (
            '{"query_id": "q", "positive_passages": ["a"]}',
            "found 'a'; expected an object with docid and score",
        ),
        ('{"query_id": "q", "positive_passages": [{"docid": "a"}]}', "found the score None"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(line, message, tmp_path):
    (tmp_path / "train.jsonl").write_text("\n" + line + "\n")
    with pytest.raises(InputError, match=r"train\.jsonl, line 2: " + message):
        read_answers(Tevatron(), tmp_path, "t")
