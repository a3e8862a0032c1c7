import json

import pytest

from data.dialect import Texts, read_answers
from data.dialects.flag_embedding import FlagEmbedding
from data.errors import InputError

LOADER = """
import json, sys
from types import SimpleNamespace
from FlagEmbedding.abc.finetune.embedder.AbsDataset import AbsEmbedderTrainDataset
arguments = SimpleNamespace(
    train_data=[sys.argv[1]], cache_path=sys.argv[2], shuffle_ratio=0.0, knowledge_distillation=True,
    max_example_num_per_dataset=10, train_group_size=2, query_instruction_for_retrieval=None,
    passage_instruction_for_retrieval=None,
)
rows = AbsEmbedderTrainDataset(arguments, None)
print(json.dumps([rows[number] for number in range(len(rows))]))
"""


@pytest.fixture
def file(small, tmp_path):
    (tmp_path / "flag").mkdir()
    assert FlagEmbedding().write(small, tmp_path / "flag").pairs == 5
    return tmp_path / "flag" / "train.jsonl"


def test_a_line_is_a_query_with_texts_scores_and_identifiers(file):
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[0] == {
        "query": "query q1",
        "query_id": "q1",
        "pos": ["title a text a"],
        "neg": ["title c text c", "title b text b"],
        "pos_scores": [2.5],
        "neg_scores": [0.1, -1.0],
        "pos_ids": ["a"],
        "neg_ids": ["c", "b"],
    }


@pytest.mark.reference
def test_flag_embedding_reads_the_lines(file, tmp_path, ask_peer):
    rows = ask_peer("FlagEmbedding", LOADER, file, tmp_path / "cache")
    assert rows[1] == ["query q2", ["title b text b", "title a text a"], [0.25, 0.5]]
    query, passages, scores = rows[0]
    assert (query, passages[0], scores[0]) == ("query q1", "title a text a", 2.5)
    assert (passages[1], scores[1]) in {("title c text c", 0.1), ("title b text b", -1.0)}


def test_without_identifiers_the_texts_of_a_run_are_looked_up(small, tmp_path):
    row = {
        "query": "query q1",
        "pos": ["title a text a"],
        "neg": ["title b text b"],
        "pos_scores": [2],
        "neg_scores": [1.5],
    }
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=r"texts without identifiers; .*Add --run NAME"):
        read_answers(FlagEmbedding(), tmp_path, "t")
    texts = Texts(
        queries=small.named_queries.select("qid", text="query"),
        passages=small.named_passages.select("pid", text="passage"),
    )
    assert read_answers(FlagEmbedding(), tmp_path, "t", texts).to_pylist() == [
        {"qid": "q1", "pid": "a", "teacher": "t", "score": 2.0},
        {"qid": "q1", "pid": "b", "teacher": "t", "score": 1.5},
    ]


def test_passages_without_a_score_each_are_refused(file):
    row = json.loads(file.read_text().splitlines()[0])
    file.write_text(json.dumps(row) + "\n" + json.dumps({**row, "neg_scores": [1.0]}))
    with pytest.raises(InputError, match=r"line 2: found 1 neg_scores; expected 2\. Give every passage"):
        read_answers(FlagEmbedding(), file, "t")
