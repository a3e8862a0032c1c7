import json

import pytest

from flows.cli import main


@pytest.fixture
def diff(store, monkeypatch, capsys):
    """Gives what ``distill diff`` prints."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))

    def ask(*arguments):
        assert main(["diff", *arguments]) == 0
        return capsys.readouterr().out

    return ask


def test_before_and_after_a_change_under_one_name(store, small_run, diff):
    small_run(store.root)
    small_run(store.root, teacher=2, value=3)
    text = diff("small@1", "small")
    changed, follows = text.split("follows from these")
    assert "score_candidates tiny\n    value: 1 → 2\n    teacher digest: teacher-1 → teacher-2" in changed
    assert "evaluate_student soft/0\n    value: 1 → 3\n    follows train_student soft/0" in changed
    assert "train_student soft/0\n    follows score_candidates tiny" in follows
    assert "2 stages are the same" in text
    row = next(line for line in text.splitlines() if line.startswith("soft/0"))
    assert row.split() == ["soft/0", "test", "nDCG@10", "0.0100", "0.0300", "+0.0200"]
    assert text.endswith("1 numbers are the same\n")


def test_two_names_as_json(store, small_run, diff):
    small_run(store.root, "one")
    small_run(store.root, "two", value=2)
    told = json.loads(diff("one", "two", "--json"))
    assert (told["a"], told["b"]) == ("one", "two")
    (stage,) = told["stages"]
    assert (stage["stage"], stage["status"], stage["causes"]) == (
        "evaluate_student",
        "changed",
        ["value: 1 → 2"],
    )
    assert told["numbers"] == [
        {"system": "soft/0", "split": "test", "measure": "RR@10", "a": 0.5, "b": 0.5, "difference": 0.0},
        {"system": "soft/0", "split": "test", "measure": "nDCG@10", "a": 0.01, "b": 0.02, "difference": 0.01},
    ]


def test_a_run_and_itself_are_the_same(store, small_run, diff):
    small_run(store.root)
    assert diff("small", "small").splitlines()[2:] == ["", "5 stages are the same", "2 numbers are the same"]


def test_the_same_bytes_made_otherwise_are_told(store, small_run, diff):
    small_run(store.root)
    small_run(store.root, depth=2)
    assert "score_candidates tiny\n    follows mine_candidates\n    made the same bytes" in diff(
        "small@1", "small"
    )


def test_after_a_collection_what_is_gone_is_told(store, small_run, diff, capsys):
    small_run(store.root)
    small_run(store.root, value=2)
    assert main(["gc"]) == 0
    capsys.readouterr()
    text = diff("small@1", "small")
    assert "A  small@1, last artifact of " in text
    assert "; 1 artifacts are gone" in text
    assert "nobody can say by what\n  evaluate_student soft/0" in text
    row = next(line for line in text.splitlines() if line.startswith("soft/0  test   nDCG"))
    assert row.split()[3:] == ["-", "0.0200", "-"]


def test_runs_of_which_nothing_is_left_are_an_error(store, small_run, monkeypatch, capsys):
    monkeypatch.setenv("DISTILL_ARTIFACTS", str(store.root))
    small_run(store.root, source=1)
    small_run(store.root, source=2, depth=2, teacher=2, loss=2, value=2)
    assert main(["gc"]) == 0
    assert main(["diff", "small@1", "small"]) == 2
    assert "run 'small@1': found none of its artifacts in the store" in capsys.readouterr().err
    assert main(["diff", "small", "nowhere"]) == 2
    assert "run 'nowhere': found nothing under" in capsys.readouterr().err
