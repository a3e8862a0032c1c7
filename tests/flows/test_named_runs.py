import pytest

from data.errors import ConfigError
from flows.named_runs import every_run, named_run
from flows.records import folder_of


def key_of(record, stage):
    return next(row.key for row in record.rows if row.stage == stage)


def test_a_name_is_the_last_run_and_a_number_counts_back(store, small_run):
    for depth in (1, 2, 2, 3):
        small_run(store.root, depth=depth)
    keys = [key_of(named_run(store, name), "mine_candidates") for name in ("small", "small@1", "small@2")]
    assert len(set(keys)) == 3
    small_run(store.root, depth=1)
    assert key_of(named_run(store, "small"), "mine_candidates") == keys[2]
    assert key_of(named_run(store, "small@1"), "mine_candidates") == keys[0]


def test_every_name_and_only_on_demand_what_was_before(store, small_run):
    for name, depth in (("b", 1), ("a", 1), ("a", 2)):
        small_run(store.root, name, depth=depth)
    assert [*every_run(store)] == ["a", "b"]
    assert {*every_run(store, earlier=True)} == {"a", "a@1", "b"}


def test_a_name_may_hold_an_at_sign(store, small_run):
    small_run(store.root, "small@1")
    assert named_run(store, "small@1").rows


def test_a_record_beside_its_place_counts_where_the_place_is_empty(store, small_run):
    small_run(store.root)
    folder = folder_of(store, "small")
    folder.rename(folder.with_name(".small-123"))
    assert [*every_run(store)] == ["small"]
    small_run(store.root, depth=2)
    assert every_run(store)["small"] == named_run(store, "small")


def test_an_unknown_name_lists_the_known_ones(store, small_run):
    with pytest.raises(
        ConfigError, match=r"run 'tiny': found nothing .* a finished run. Start it with: distill"
    ):
        named_run(store, "tiny")
    small_run(store.root)
    with pytest.raises(ConfigError, match=r"run 'tiny@1': found nothing under .* expected one of small"):
        named_run(store, "tiny@1")


def test_a_number_too_far_back_says_how_far_one_may_go(store, small_run):
    small_run(store.root)
    with pytest.raises(ConfigError, match=r"'small@1': found 0 earlier runs .* expected small. The 20 runs"):
        named_run(store, "small@1")
    small_run(store.root, depth=2)
    for name in ("small@0", "small@2"):
        with pytest.raises(ConfigError, match=r"found 1 earlier .* small, or small@1 to small@1"):
            named_run(store, name)


@pytest.mark.parametrize("content", ["[", "3", '[{"stage": "s"}]'])
def test_an_unreadable_record_is_an_error_and_not_an_empty_run(store, small_run, content):
    small_run(store.root)
    (folder_of(store, "small") / "run.json").write_text(content)
    for read in (lambda: named_run(store, "small"), lambda: every_run(store)):
        with pytest.raises(ConfigError, match=r"run.json: found no record of a run .* Run the configuration"):
            read()
