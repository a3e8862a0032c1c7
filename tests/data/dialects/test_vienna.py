import polars as pl
import pytest

from data.dialect import read_answers
from data.dialects.vienna import Vienna
from data.errors import InputError


def test_a_line_is_two_scores_and_three_identifiers(small, tmp_path):
    assert Vienna().write(small, tmp_path).pairs == 5
    assert (tmp_path / "triples.tsv").read_text() == (
        "2.5\t0.1\tq1\ta\tc\n2.5\t-1.0\tq1\ta\tb\n0.25\t0.5\tq2\tb\ta\n"
    )


@pytest.mark.parametrize("pid", ["a\tb", " a", "a\x1c", "a\n"])
def test_identifiers_that_would_break_a_line_are_refused(small, tmp_path, pid):
    renamed = pl.col("pid").replace("a", pid)
    key = type(small)(
        answers=small.answers.with_columns(renamed),
        passages=small.passages.with_columns(renamed),
        queries=small.queries,
        qrels=small.qrels.with_columns(renamed),
        teacher="sharp",
    )
    with pytest.raises(
        InputError, match=r"vienna: found 1 of . values of pid such as .*Choose a format of JSON"
    ):
        Vienna().write(key, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 q a b", r"found '1 2 q a b'; expected two scores, qid"),
        ("1\thigh\tq\ta\tb", r"found the score 'high'"),
        ("1\t2\t\ta\tb", r"found '' as an identifier"),
        ("5\t2\tq\ta\tc", r"found the score 5 for \(q, a\), scored 1 above"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(line, message, tmp_path):
    (tmp_path / "triples.tsv").write_text(f"1\t2\tq\ta\tb\n{line}\n")
    with pytest.raises(InputError, match=r"triples\.tsv, line 2: " + message):
        read_answers(Vienna(), tmp_path, "t")
