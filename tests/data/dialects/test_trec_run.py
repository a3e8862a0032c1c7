import gzip

import polars as pl
import pytest

from data.dialect import read_answers
from data.dialects.trec_run import TrecRun
from data.errors import InputError
from data.trec import read_run

LINES = [
    "q1 Q0 a 1 2.5 sharp",
    "q1 Q0 c 2 0.1 sharp",
    "q1 Q0 b 3 -1.0 sharp",
    "q2 Q0 a 1 0.5 sharp",
    "q2 Q0 b 2 0.25 sharp",
    "q3 Q0 c 1 3.0 sharp",
    "q3 Q0 a 2 1.0 sharp",
]


def test_the_scores_are_a_ranking(small, tmp_path):
    assert TrecRun().write(small, tmp_path).pairs == 7
    assert (tmp_path / "answers.run").read_text().splitlines() == LINES
    assert read_run(tmp_path / "answers.run")["rank"].to_pylist() == [1, 3, 2, 1, 2, 2, 1]


def test_ir_measures_reads_the_run(small, tmp_path):
    import ir_measures

    TrecRun().write(small, tmp_path)
    found = [
        (doc.query_id, doc.doc_id, doc.score)
        for doc in ir_measures.read_trec_run(str(tmp_path / "answers.run"))
    ]
    expected = [(qid, pid, float(score)) for qid, _, pid, _, score, _ in map(str.split, LINES)]
    assert found == expected


def test_a_packed_run_with_ranks_from_zero_or_all_zero_is_read(tmp_path):
    (tmp_path / "run.gz").write_bytes(gzip.compress(b"q Q0 b 0 2 x\nq\tQ0\ta\t0\t3\tx\n"))
    found = read_answers(TrecRun(), tmp_path / "run.gz", "t").to_pylist()
    assert [(row["pid"], row["score"]) for row in found] == [("a", 3.0), ("b", 2.0)]


@pytest.mark.parametrize("qid", ["q 1", "q\u2003", "q\x1f", "\ufeffq"])
def test_identifiers_with_white_space_are_refused(small, tmp_path, qid):
    key = type(small)(
        answers=small.answers.with_columns(pl.col("qid").replace("q1", qid)),
        passages=small.passages,
        queries=small.queries,
        qrels=small.qrels,
        teacher="sharp",
    )
    with pytest.raises(
        InputError, match=r"trec: found 1 of 3 values of qid such as .*expected no white space"
    ):
        TrecRun().write(key, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 b 2 1", r"found 'q Q0 b 2 1'; expected qid Q0 pid rank score tag"),
        ("q Q0 b 1.5 1 x", r"found the rank '1\.5'"),
        ("q Q0 b 2 nan x", r"found the score 'nan'"),
        ("q Q0 b 2 9 x", r"found the score 9 at rank 2, above that of a better rank; .*Negate distances"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(line, message, tmp_path):
    (tmp_path / "answers.run").write_text(f"q Q0 a 1 2 x\n{line}\n")
    with pytest.raises(InputError, match=r"answers\.run, line 2: " + message):
        read_answers(TrecRun(), tmp_path, "t")
