import pytest

from flows.comparing import Number, Side, compare, numbers
from flows.named_runs import named_run


@pytest.fixture
def sides(store, small_run):
    """Runs twice, the second time with other numbers, and gives both sides: A is the earlier one."""

    def run_twice(**changed):
        small_run(store.root)
        small_run(store.root, **changed)
        return Side.of(store, named_run(store, "small@1")), Side.of(store, named_run(store, "small"))

    return run_twice


def told(differences):
    return {each.label: (each.status, each.causes, each.follows) for each in differences}


def test_a_run_does_not_differ_from_itself(store, small_run):
    small_run(store.root)
    side = Side.of(store, named_run(store, "small"))
    assert compare(side, side) == []
    assert {each.difference for each in numbers(store, side, side)} == {0.0}


def test_only_the_stage_that_changed_is_a_cause_and_the_others_follow(sides):
    assert told(compare(*sides(teacher=2))) == {
        "score_candidates tiny": (
            "changed",
            ["value: 1 → 2", "teacher digest: teacher-1 → teacher-2"],
            [],
        ),
        "train_student soft/0": ("follows", [], ["score_candidates tiny"]),
        "evaluate_student soft/0": ("follows", [], ["train_student soft/0"]),
    }


def test_a_stage_may_be_changed_and_follow(sides):
    found = told(compare(*sides(teacher=2, loss=3)))
    assert found["train_student soft/0"] == ("changed", ["value: 1 → 3"], ["score_candidates tiny"])


def test_the_same_bytes_made_otherwise_are_told(sides, store, small_run):
    a, b = sides(depth=2)
    found = {each.label: each for each in compare(a, b)}
    # The answers are the same for any candidates: what comes after them does not differ.
    assert found["score_candidates tiny"].same_content
    assert set(found) == {"mine_candidates", "score_candidates tiny"}


def test_an_input_that_no_other_stage_explains_is_a_cause(sides):
    a, b = sides(teacher=2)
    label = ("score_candidates", "tiny")
    # The same artifact in both records, rebuilt with other bytes in between.
    same = Side({**b.keys, label: a.keys[label]}, b.manifests)
    found = told(compare(a, same))
    assert found["train_student soft/0"] == ("changed", ["input answers changed"], [])


def test_stages_of_one_run_alone_and_stages_whose_manifest_is_gone(sides):
    a, b = sides(teacher=2)
    alone = ("evaluate_student", "hard/0")
    gone = ("train_student", "soft/0")
    more = Side({**b.keys, alone: "key"}, {k: v for k, v in b.manifests.items() if k != gone})
    found = told(compare(a, more))
    assert found["evaluate_student hard/0"] == ("only in B", [], [])
    assert found["train_student soft/0"] == ("gone", [], [])
    assert told(compare(more, a))["evaluate_student hard/0"][0] == "only in A"


def test_code_that_changed_is_a_cause(sides):
    a, b = sides(teacher=2)
    label = ("train_student", "soft/0")
    recipe = b.manifests[label].recipe.model_copy(update={"code": {"models.losses": "1"}})
    manifest = b.manifests[label].model_copy(update={"recipe": recipe})
    found = told(compare(a, Side(b.keys, {**b.manifests, label: manifest})))
    assert found["train_student soft/0"][:2] == ("changed", ["code of models.losses changed"])


def test_numbers_stand_side_by_side(sides, store):
    assert numbers(store, *sides(value=3)) == [
        Number("soft/0", "test", "RR@10", 0.5, 0.5),
        Number("soft/0", "test", "nDCG@10", 0.01, 0.03),
    ]


def test_a_number_of_one_run_alone_has_no_difference(sides, store):
    a, _ = sides(value=3)
    assert {(each.a, each.difference) for each in numbers(store, Side({}, {}), a)} == {(None, None)}
    assert Number("s", "test", "nDCG@10", 0.25, 0.75).difference == 0.5
