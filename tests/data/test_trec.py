import gzip

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import tables
from data.errors import CollectionError
from data.schemas import QRELS, RUN
from data.trec import read_qrels, read_run, write_qrels, write_run

# No tabs and line breaks, which ingest refuses; spaces and the rest of Unicode are allowed.
ID = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\r\n"), min_size=1, max_size=5
)
SCORE = st.floats(width=32, allow_nan=False, allow_infinity=False)
KEYS = st.lists(st.tuples(ID, ID), unique=True, max_size=20)


def run_of(rows):
    """A run whose ranks follow from its scores, ties broken by pid."""
    ordered = sorted(rows, key=lambda row: (row[0], -row[2], row[1]))
    ranks = [sum(other[0] == row[0] for other in ordered[: n + 1]) for n, row in enumerate(ordered)]
    made = [(qid, pid, rank, score) for (qid, pid, score), rank in zip(ordered, ranks, strict=True)]
    return tables.sort(tables.from_rows(made, RUN), RUN)


@given(keys=KEYS, scores=st.lists(SCORE, min_size=20, max_size=20), suffix=st.sampled_from(["run", "run.gz"]))
def test_a_run_that_is_written_is_read_the_same(keys, scores, suffix, tmp_path_factory):
    run = run_of([(*key, score) for key, score in zip(keys, scores, strict=False)])
    path = tmp_path_factory.mktemp("trec") / suffix
    write_run(run, "bm25", path)
    assert read_run(path).equals(run)


@given(keys=KEYS, grade=st.integers(0, 32_767))
def test_judgements_that_are_written_are_read_the_same(keys, grade, tmp_path_factory):
    qrels = tables.sort(tables.from_rows([(*key, grade) for key in keys], QRELS), QRELS)
    path = tmp_path_factory.mktemp("trec") / "qrels"
    write_qrels(qrels, path)
    assert read_qrels(path).equals(qrels)


def test_the_lines_are_those_that_trec_eval_reads(tmp_path):
    run = tables.from_rows([("q1", "b", 1, 2.5), ("q1", "a", 2, 0.1)], RUN)
    write_run(run, "bm25", tmp_path / "run")
    # 0.1 as float32 is 0.100000001490116.
    expected = "q1\tQ0\tb\t1\t2.5\tbm25\nq1\tQ0\ta\t2\t0.100000001\tbm25\n"
    assert (tmp_path / "run").read_text() == expected
    write_qrels(tables.from_rows([("q1", "b", 3)], QRELS), tmp_path / "qrels")
    assert (tmp_path / "qrels").read_text() == "q1\t0\tb\t3\n"


def test_equal_runs_are_equal_bytes_also_when_packed(tmp_path):
    run = tables.from_rows([("q1", "b", 1, 2.5)], RUN)
    for name in ("one.gz", "two.gz"):
        write_run(run, "bm25", tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.gz").read_bytes()) == b"q1\tQ0\tb\t1\t2.5\tbm25\n"


def test_ties_are_ranked_by_pid_whatever_the_file_says(tmp_path):
    (tmp_path / "run").write_text("q1 Q0 c 1 2.0 x\nq1 Q0 b 2 1.0 x\nq1 Q0 a 3 1.0 x\nq0 Q0 z 1 0 x\n")
    expected = [("q0", "z", 1, 0.0), ("q1", "a", 2, 1.0), ("q1", "b", 3, 1.0), ("q1", "c", 1, 2.0)]
    assert read_run(tmp_path / "run").equals(tables.from_rows(expected, RUN))


def test_scores_too_close_for_float32_keep_their_order(tmp_path):
    (tmp_path / "run").write_text("q Q0 b 1 1.00000000002 x\nq Q0 a 2 1.00000000001 x\n")
    run = read_run(tmp_path / "run")
    assert run["rank"].to_pylist() == [2, 1]
    assert np.array_equal(run["score"], pa.array([1, 1], pa.float32()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 a 1 2\n", r"run, line 1: found 'q Q0 a 1 2'; expected qid Q0 pid rank score tag\. Write"),
        (
            "q Q0 a 1 2 x\nq Q0 b 2 nan x\n",
            r"run, line 2: found the score 'nan'; expected a finite number\. Score",
        ),
        ("q Q0 a 1 inf x\n", r"run, line 1: found the score 'inf'"),
        ("q Q0 a 1 high x\n", r"run, line 1: found the score 'high'"),
        ("q Q0 a 0 2 x\n", r"run, line 1: found the rank '0'; expected a whole number from 1\. Count"),
        ("q Q0 a 1.5 2 x\n", r"run, line 1: found the rank '1\.5'"),
        ("q Q0 a 1 2 x\n\nq Q0 a 2 1 x\n", r"run, line 3: found the passage 'a' again for the query 'q'"),
        (
            "q Q0 b 2 3 x\nq Q0 a 1 2 x\n",
            r"run, line 1: found the score 3 at rank 2, above .*Negate distances",
        ),
    ],
)
def test_a_broken_run_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "run").write_text(text)
    with pytest.raises(CollectionError, match=message):
        read_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 a\n", r"qrels, line 1: found 'q 0 a'; expected qid 0 pid grade\."),
        ("q 0 a 1\nq 0 b -1\n", r"qrels, line 2: found the grade '-1'; .*Write 0"),
        ("q 0 a 1\nq 0 a 1\n", r"qrels, line 2: found the passage 'a' again"),
    ],
)
def test_broken_judgements_are_refused_with_their_line(tmp_path, text, message):
    (tmp_path / "qrels").write_text(text)
    with pytest.raises(CollectionError, match=message):
        read_qrels(tmp_path / "qrels")


def test_a_missing_run_is_refused(tmp_path):
    with pytest.raises(CollectionError, match=r"nowhere: found no file; .*Correct the path"):
        read_run(tmp_path / "nowhere")
