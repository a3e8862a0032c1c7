import argparse

import pytest

from data.dialect import read_answers
from data.dialects import DIALECTS
from data.errors import ConfigError, InputError
from flows import command_export


def export(store, *arguments):
    parser = argparse.ArgumentParser()
    command_export.add(parser)
    command_export.run(parser.parse_args(["tiny", "key", *map(str, arguments)]), store)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_format_holds_the_run_and_says_what_it_lost(name, finished_run, store, tmp_path, capsys):
    finished_run("sharp", "lexical")
    export(store, "--format", name, "--teacher", "sharp", "--into", tmp_path / "out" / "new")
    found = read_answers(DIALECTS[name], tmp_path / "out" / "new", "sharp").to_pylist()
    assert [(row["qid"], row["pid"], row["score"]) for row in found] == [
        ("g1", "gold-1", 0.5),
        ("g1", "iron-1", 1.5),
        ("q04", "gold-1", 2.5),
        ("q04", "iron-1", -1.0),
    ]
    printed = capsys.readouterr().out
    assert f"{DIALECTS[name].file}: 4 of 4 answers of sharp" in printed
    assert "lost: the teacher's name" in printed
    assert "(0 answers)" in printed


def test_the_folder_bears_the_names_of_run_and_format(finished_run, store, tmp_path, monkeypatch):
    finished_run("sharp")
    monkeypatch.chdir(tmp_path)
    export(store, "--format", "trec")
    assert (tmp_path / "tiny-trec" / "answers.run").is_file()


def test_what_is_there_is_not_overwritten(finished_run, store, tmp_path):
    finished_run("sharp")
    with pytest.raises(ConfigError, match=r"found something there already; expected a new folder"):
        export(store, "--format", "trec", "--into", tmp_path)


def test_an_export_that_fails_leaves_nothing(finished_run, store, tmp_path):
    finished_run("sharp", qid="q 04")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"trec: found 1 of 2 values of qid such as 'q 04'"):
        export(store, "--format", "trec", "--into", tmp_path / "out" / "new")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_format_that_can_hold_no_answer_of_the_key_is_refused(finished_run, store, tmp_path):
    finished_run("sharp", positives=False)
    with pytest.raises(ConfigError, match=r"found no query with an answer for both .*xport them as trec"):
        export(store, "--format", "tevatron", "--into", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_width_of_tuples_is_chosen_and_what_fills_no_row_is_said(finished_run, store, tmp_path, capsys):
    finished_run("sharp")
    export(store, "--format", "tuples", "--negatives", "1", "--into", tmp_path / "one")
    assert "tuples.parquet: 4 of 4 answers" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"found left out: 2 queries \(fewer than 2 negatives\).*Lower"):
        export(store, "--format", "tuples", "--negatives", "2", "--into", tmp_path / "two")
    with pytest.raises(ConfigError, match=r"tuples: found 0 negatives in a row; expected at least 1"):
        export(store, "--format", "tuples", "--negatives", "0", "--into", tmp_path / "none")
    with pytest.raises(ConfigError, match=r"--negatives 2: found --format trec.*; expected --format tuples"):
        export(store, "--format", "trec", "--negatives", "2", "--into", tmp_path / "trec")
