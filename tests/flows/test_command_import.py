import argparse

import pytest

from data import tables
from data.errors import ConfigError, InputError
from data.schemas import ANSWERS
from flows import command_export, command_import


def call(command, store, *arguments):
    parser = argparse.ArgumentParser()
    command.add(parser)
    command.run(parser.parse_args([str(each) for each in arguments]), store)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "answers.parquet"


def test_a_run_of_another_tool_becomes_the_answers_of_a_teacher(store, tmp_path, out, capsys):
    (tmp_path / "bm25.run").write_text("q2 Q0 a 1 2.5 x\nq1 Q0 b 1 1 x\n")
    call(
        command_import,
        store,
        tmp_path / "bm25.run",
        "--format",
        "trec",
        "--teacher",
        "anserini",
        "--into",
        out,
    )
    expected = [("q1", "b", "anserini", 1.0), ("q2", "a", "anserini", 2.5)]
    assert tables.read(ANSWERS, [out]).equals(tables.from_rows(expected, ANSWERS))
    assert "2 answers to 2 queries by anserini" in capsys.readouterr().out


def test_a_bad_line_is_one_message_and_nothing_is_written(store, tmp_path, out):
    (tmp_path / "bad.run").write_text("q2 Q0 a 1 2.5 x\nq1 Q0 b 1 x\n")
    with pytest.raises(InputError, match=r"bad\.run, line 2: found 'q1 Q0 b 1 x'"):
        call(command_import, store, tmp_path / "bad.run", "--format", "trec", "--teacher", "t", "--into", out)
    assert list(out.parent.iterdir()) == []


def test_texts_are_looked_up_in_a_run(finished_run, store, tmp_path, out):
    finished_run("sharp")
    folder = tmp_path / "tuples"
    call(command_export, store, "tiny", "key", "--format", "tuples", "--into", folder)
    (folder / "ids.parquet").unlink()
    call(
        command_import, store, folder, "--format", "tuples", "--teacher", "t", "--into", out, "--run", "tiny"
    )
    assert tables.read(ANSWERS, [out])["score"].to_pylist() == [0.5, 1.5, 2.5, -1.0]


def test_what_is_there_is_not_overwritten(store, tmp_path, out):
    (tmp_path / "run").write_text("q Q0 a 1 2.5 x\n")
    given = (tmp_path / "run", "--format", "trec", "--teacher", "t", "--into")
    call(command_import, store, *given, out)
    with pytest.raises(ConfigError, match=r"answers\.parquet: found something there already"):
        call(command_import, store, *given, out)
    with pytest.raises(ConfigError, match=r"found no folder .*nowhere"):
        call(command_import, store, *given, tmp_path / "nowhere" / "a.parquet")
    with pytest.raises(
        ConfigError, match=r"found another ending; expected a new file that ends in \.parquet"
    ):
        call(command_import, store, *given, tmp_path / "answers")
