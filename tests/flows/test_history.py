import json
import os

import pytest

from flows.history import KEPT, carry, entries


@pytest.fixture
def replace(tmp_path):
    """Replaces the record as a run does, at a time that the caller chooses; gives its folder."""
    folder = tmp_path / "runs" / "small"

    def write(keys, second):
        fresh = tmp_path / "runs" / ".small-1"
        fresh.mkdir(parents=True)
        rows = [{"stage": "s", "of": "", "key": key} for key in keys]
        (fresh / "run.json").write_text(json.dumps(rows))
        os.utime(fresh / "run.json", (second, second))
        carry(folder, fresh)
        if folder.exists():
            folder.rename(tmp_path / f"before-{second}")
        fresh.rename(folder)
        return folder

    return write


def keys_of(path):
    return [row["key"] for row in json.loads(path.read_text())]


def test_the_records_before_the_last_are_kept_newest_first(replace):
    for second, key in enumerate("abc"):
        folder = replace([key], second)
    assert [keys_of(path) for path in entries(folder)] == [["b"], ["a"]]
    assert [path.name for path in entries(folder)] == [
        "1970-01-01T000001.000000Z.json",
        "1970-01-01T000000.000000Z.json",
    ]


def test_a_run_that_made_nothing_else_adds_nothing(replace):
    for second, keys in enumerate(["ab", "ab", "ba"]):
        folder = replace(keys, second)
    assert entries(folder) == []


def test_no_more_than_twenty_are_kept(replace):
    for second in range(KEPT + 3):
        folder = replace([str(second)], second)
    assert [keys_of(path)[0] for path in entries(folder)] == [str(n) for n in range(KEPT + 1, 1, -1)]


def test_the_replaced_folder_is_left_whole_until_it_goes(replace, tmp_path):
    replace(["a"], 0)
    replace(["b"], 1)
    replace(["c"], 2)
    assert [keys_of(path) for path in entries(tmp_path / "before-2")] == [["a"]]
    assert keys_of(tmp_path / "before-2" / "run.json") == ["b"]


def test_an_unreadable_record_is_not_kept(replace):
    folder = replace(["a"], 0)
    (folder / "run.json").write_text("[1, {")
    assert entries(replace(["b"], 1)) == []
