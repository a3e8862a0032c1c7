import pytest

from data.dialect import read_answers
from data.dialects.colbert import Colbert
from data.errors import InputError

LOADER = """
import json, sys
from colbert.data import Collection, Examples, Queries
folder = sys.argv[1]
examples = Examples(path=f"{folder}/examples.jsonl", nway=2).tolist()
queries, collection = Queries(path=f"{folder}/queries.tsv"), Collection(path=f"{folder}/collection.tsv")
print()
texts = [[queries[query], [[collection[pid], score] for pid, score in rest]] for query, *rest in examples]
print(json.dumps(texts))
"""


@pytest.fixture
def folder(small, tmp_path):
    (tmp_path / "colbert").mkdir()
    exported = Colbert().write(small, tmp_path / "colbert")
    assert exported.pairs == 5
    assert exported.note == "the shortest list has 2 passages: train with nway up to 2"
    return tmp_path / "colbert"


def test_a_line_is_a_query_with_its_passages_by_row(folder):
    assert (folder / "examples.jsonl").read_text() == "[0,[0,2.5],[2,0.1],[1,-1.0]]\n[1,[1,0.25],[0,0.5]]\n"
    assert (folder / "collection.tsv").read_text().splitlines()[2] == "2\ttitle c text c"
    assert (folder / "queries.tsv").read_text().splitlines()[1] == "1\tquery q2"


@pytest.mark.reference
def test_colbert_reads_examples_queries_and_collection(folder, ask_peer):
    assert ask_peer("colbert", LOADER, folder) == [
        ["query q1", [["title a text a", 2.5], ["title c text c", 0.1]]],
        ["query q2", [["title b text b", 0.25], ["title a text a", 0.5]]],
    ]


def test_without_names_beside_them_the_numbers_are_the_identifiers(tmp_path):
    (tmp_path / "examples.jsonl").write_text("[3, [7, 1.5], [9, -2]]\n")
    found = read_answers(Colbert(), tmp_path, "t").to_pylist()
    assert [(row["qid"], row["pid"], row["score"]) for row in found] == [("3", "7", 1.5), ("3", "9", -2.0)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", r"found \{\}; expected a list \[query"),
        ("[0, 1, 2]", r"found 1; expected \[passage, score\]\. Triples without scores"),
        ("[0, [3, 1.0]]", r"found '3'; expected a row of passages\.parquet, from 0 to 2"),
        ('["q", [1, 1.0]]', r"found 'q'; expected a row of queries\.parquet, from 0 to 2"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(folder, line, message):
    (folder / "examples.jsonl").write_text(f"[0, [0, 1.0]]\n{line}\n")
    with pytest.raises(InputError, match=r"examples\.jsonl, line 2: " + message):
        read_answers(Colbert(), folder, "t")
