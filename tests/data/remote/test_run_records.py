import pytest

from data.remote import run_records
from tests.s3 import objects, s3, s3_server, url  # noqa: F401


@pytest.fixture
def folder(tmp_path):
    """Write the record of a run on a machine, and its history."""

    def write(machine, text, *earlier):
        place = tmp_path / machine / "runs" / "small"
        (place / "history").mkdir(parents=True, exist_ok=True)
        (place / "run.json").write_text(text)
        for name in earlier:
            (place / "history" / f"{name}.json").write_text(name)
        return tmp_path / machine

    return write


def test_records_come_to_another_machine_with_their_history(objects, folder, tmp_path):  # noqa: F811
    run_records.push(objects, folder("a", "[2]", "2026-01"), "small")
    run_records.fetch(objects, tmp_path / "b", "small")
    assert (tmp_path / "b" / "runs" / "small" / "run.json").read_text() == "[2]"
    assert (tmp_path / "b" / "runs" / "small" / "history" / "2026-01.json").read_text() == "2026-01"
    run_records.fetch_all(objects, tmp_path / "c")
    assert (tmp_path / "c" / "runs" / "small" / "history" / "2026-01.json").is_file()


def test_the_record_that_was_uploaded_last_stands_and_old_links_go(objects, folder, tmp_path):  # noqa: F811
    run_records.push(objects, folder("a", "[1]"), "small")
    run_records.fetch(objects, tmp_path / "b", "small")
    (tmp_path / "b" / "runs" / "small" / "answers").mkdir()
    run_records.push(objects, folder("a", "[2]"), "small")  # of the same size, within the same second
    run_records.fetch(objects, tmp_path / "b", "small")
    assert (tmp_path / "b" / "runs" / "small" / "run.json").read_text() == "[2]"
    assert not (tmp_path / "b" / "runs" / "small" / "answers").exists()


def test_of_the_history_only_what_is_older_than_all_that_is_kept_goes(objects, folder, tmp_path):  # noqa: F811
    run_records.push(objects, folder("a", "[]", "2026-01", "2026-04"), "small")
    run_records.push(objects, folder("b", "[]", "2026-02", "2026-03"), "small")
    names = {name for name in objects.below("runs/small") if name.startswith("history")}
    assert names == {f"history/2026-0{month}.json" for month in (2, 3, 4)}


def test_where_nothing_was_uploaded_nothing_comes_and_nothing_goes(objects, folder, tmp_path):  # noqa: F811
    run_records.fetch(objects, tmp_path, "small")
    assert not (tmp_path / "runs").exists()
    root = folder("a", "[1]")
    run_records.fetch(objects, root, "small")
    assert (root / "runs" / "small" / "run.json").read_text() == "[1]"
