import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.remote.score_shards import WriterManifest
from data.score_store.compaction import compact
from data.score_store.pairs import PAIR, pair_frame, text_hashes
from data.score_store.shards import ScoreShards
from data.seals import unsealed
from tests.s3 import NUMBERS, machine, objects, s3, s3_server, url  # noqa: F401

TEACHER = "scores/t"


def opened(store, teacher="t"):
    return ScoreShards(store.root / "scores" / teacher, store.digests)


def pairs(numbers):
    texts = [str(number) for number in numbers]
    return pair_frame(text_hashes(texts), text_hashes(texts))


def keep(shards, *numbers, seconds=1.0):
    rows = pairs(numbers).with_columns(score=pl.Series(numbers, dtype=pl.Float32))
    shards.add(shards.write(rows), {"name": "t"}, {"attention": "eager"}, seconds)


def known(shards, limit=40):
    """The numbers that are stored, by their scores."""
    return sorted(int(score) for score in shards.look_up(pairs(range(limit)))["score"])


def shard_names(objects):  # noqa: F811
    return {name for name in objects.below(TEACHER) if name.endswith(".parquet")}


def test_what_one_machine_scored_another_knows(machine):  # noqa: F811
    keep(opened(machine("a")), 1, 2, seconds=4.0)
    other = opened(machine("b"))
    assert known(other) == [1, 2]
    assert other.manifest().how == {"attention": "eager"}
    assert other.manifest().pairs_per_s == pytest.approx(0.5)


def test_two_machines_that_score_at_once_lose_nothing(machine, objects):  # noqa: F811
    first, second = opened(machine("a")), opened(machine("b"))
    assert known(first) == known(second) == []
    keep(first, 1, 2)
    keep(second, 2, 3)
    keep(first, 4)
    assert known(opened(machine("a"))) == known(opened(machine("b"))) == [1, 2, 3, 4]
    assert known(opened(machine("c"))) == [1, 2, 3, 4]
    assert len(objects.below(TEACHER)) - len(shard_names(objects)) == 2  # one manifest for each that wrote


@settings(max_examples=6)
@given(
    deeds=st.lists(
        st.one_of(
            st.tuples(st.sampled_from("ab"), st.integers(0, 39)),
            st.tuples(st.sampled_from("ab"), st.just("compact")),
        ),
        max_size=7,
    ),
)
def test_whatever_two_machines_do_no_score_is_lost(machine, deeds):  # noqa: F811
    made, teacher = set(), f"t{next(NUMBERS)}"
    shards = {name: opened(machine(name), teacher) for name in "ab"}
    for name, deed in deeds:
        if deed == "compact":
            compact(shards[name])
        else:
            keep(shards[name], deed)
            made.add(deed)
    for name in "abc":
        store = machine(name) if name != "c" else machine(f"c{teacher}")
        assert known(opened(store, teacher)) == sorted(made)


def test_a_shard_that_no_manifest_names_does_not_exist(machine, objects):  # noqa: F811
    keep(opened(machine("a")), 1)
    (name,) = [name for name in objects.below(TEACHER) if name.startswith("manifest-")]
    objects.delete(f"{TEACHER}/{name}")
    assert known(opened(machine("b"))) == []
    assert known(opened(machine("a"))) == [1]  # which has it, and uploads the manifest again
    assert known(opened(machine("b"))) == [1]


def test_a_cut_off_upload_is_made_good_when_the_store_is_next_opened(s3, machine):  # noqa: F811
    from data.errors import ConfigError

    first = opened(machine("a"))
    assert known(first) == []
    s3.failing = lambda method, _: method in {"PUT", "POST"}
    with pytest.raises(ConfigError):
        keep(first, 1, 2)
    s3.failing = None
    assert known(opened(machine("b"))) == []
    assert known(opened(machine("a"))) == [1, 2]
    assert known(opened(machine("b"))) == [1, 2]


def test_merged_shards_go_everywhere_and_do_not_come_back(machine, objects):  # noqa: F811
    first, second = opened(machine("a")), opened(machine("b"))
    for number in range(4):
        keep(first if number % 2 else second, number)
    assert known(second) == [0, 1, 2, 3] or known(opened(machine("b"))) == [0, 1, 2, 3]
    compact(opened(machine("a")))
    assert len(shard_names(objects)) == 1
    for name in "bacb":
        shards = opened(machine(name))
        assert known(shards) == [0, 1, 2, 3]
        with shards.locked():
            assert len(shards.manifest().shards) == 1
        assert len(shard_names(objects)) == 1


@pytest.mark.parametrize("copy", ["whole", "none"])
def test_a_damaged_object_is_replaced_from_a_whole_copy_or_scored_again(machine, objects, copy):  # noqa: F811
    keep(opened(machine("a")), 1)
    keep(opened(machine("a")), 2)
    name = min(shard_names(objects))
    content = objects.read(f"{TEACHER}/{name}")
    objects.write(f"{TEACHER}/{name}", b"x" * len(content))
    assert len(known(opened(machine("b")))) == 1
    assert name not in shard_names(objects)
    if copy == "whole":
        assert known(opened(machine("a"))) == [1, 2]
    else:
        lacking = ({1, 2} - set(known(opened(machine("b"))))).pop()
        keep(opened(machine("b")), lacking)
    assert known(opened(machine("b"))) == [1, 2]
    assert known(opened(machine("c"))) == [1, 2]


def test_a_damaged_copy_is_fetched_again(machine):  # noqa: F811
    shards = opened(machine("a"))
    keep(shards, 1)
    (path,) = shards.folder.glob("[0-9a-f]*.parquet")
    path.write_bytes(b"")
    assert known(opened(machine("a"))) == [1]


def test_a_manifest_that_is_damaged_costs_only_what_it_alone_names(machine, objects):  # noqa: F811
    keep(opened(machine("a")), 1)
    keep(opened(machine("b")), 2)
    assert known(opened(machine("b"))) == [1, 2]
    names = [f"{TEACHER}/{name}" for name in objects.below(TEACHER) if name.startswith("manifest-")]
    written = {name: WriterManifest.model_validate_json(unsealed(objects.read(name))) for name in names}
    (first,) = (name for name, manifest in written.items() if len(manifest.shards) == 1)
    objects.write(first, b"{")
    assert known(opened(machine("c"))) == [1, 2]


def test_pairs_have_the_columns_of_a_shard():
    assert tuple(pairs([1]).columns) == PAIR
