import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.artifacts import ArtifactStore
from data.upkeep.addresses import Address
from data.upkeep.damages import check, damages, finished

EVERY_KIND = [
    "manifest.json",
    "qrels-*.parquet",
    "model-*/deep/weights.bin",
    "model-*/config.json",
    "notes-*.md",
]


def flip(path, position, difference):
    """Change one byte and leave no trace: size and time of modification as before."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= difference
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("kind", EVERY_KIND)
@given(position=st.integers(0, 10_000), difference=st.integers(1, 255))
@settings(max_examples=25)
def test_a_flipped_byte_is_found_and_the_next_look_of_any_process_sees_it(
    tmp_path_factory, publish, kind, position, difference
):
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    victim, other = publish(store, 1), publish(store, 2)
    path = next(store.folder(victim.stage, victim.key).glob(kind))
    flip(path, position, difference)
    found = [*damages(ArtifactStore(store.root))]
    assert [(each.stage, each.key) for each in found] == [(victim.stage, victim.key)]
    assert found[0].file == path.relative_to(store.folder(victim.stage, victim.key)).as_posix()
    # This process remembers the bytes it wrote; a new one remembers what is on the disk.
    for looking in (store, ArtifactStore(store.root)):
        assert looking.whole(victim.stage, victim.key) is None
        assert looking.whole(other.stage, other.key).ref.parts == other.parts


def test_what_is_remembered_hides_a_damage_until_it_is_looked_for(store, publish):
    ref = publish(store, 1)
    flip(next(store.folder(ref.stage, ref.key).glob("notes-*")), 0, 1)
    assert ArtifactStore(store.root).whole(ref.stage, ref.key).ref.parts == ref.parts
    assert len([*damages(store)]) == 1
    assert ArtifactStore(store.root).whole(ref.stage, ref.key) is None


def test_a_whole_store_has_no_damage_and_every_file_of_it_is_counted(store, publish):
    for value in (1, 2):
        publish(store, value)
    checked = [*check(store)]
    assert len(checked) == 2 * len(EVERY_KIND)
    files = [path for path in (store.root / "work").rglob("*") if path.is_file()]
    assert sum(each.size_bytes for each in checked) == sum(path.stat().st_size for path in files)
    assert [*damages(store)] == []


@pytest.mark.parametrize(
    ("kind", "harm", "found", "expected"),
    [
        ("notes-*", "truncate", "6 bytes", "7 bytes"),
        ("notes-*", "delete", "no such file", "7 bytes"),
        ("manifest.json", "truncate", "bytes that are not those that were written", "a readable manifest"),
    ],
)
def test_a_damage_says_what_was_found_and_expected(store, publish, kind, harm, found, expected):
    ref = publish(store, 1)
    path = next(store.folder(ref.stage, ref.key).glob(kind))
    path.unlink() if harm == "delete" else path.write_bytes(path.read_bytes()[:-1])
    (damage,) = damages(store)
    assert (damage.found, damage.expected) == (found, expected)


def test_an_artifact_that_must_be_there_and_is_not_is_a_damage_one_that_was_never_finished_is_none(store):
    address = Address("work", "0" * 20)
    store.folder(*address).mkdir(parents=True)
    assert finished(store) == []
    assert [*damages(store)] == []
    (damage,) = damages(store, [address])
    assert (damage.file, damage.found) == ("manifest.json", "no such file")


def test_only_the_chosen_are_looked_at(store, publish):
    refs = [publish(store, value) for value in (1, 2)]
    for ref in refs:
        next(store.folder(ref.stage, ref.key).glob("notes-*")).unlink()
    chosen = [Address(refs[1].stage, refs[1].key)]
    assert [each.key for each in damages(store, chosen)] == [refs[1].key]


def test_an_artifact_that_is_being_made_is_left_alone(store, publish):
    ref = publish(store, 1)
    next(store.folder(ref.stage, ref.key).glob("notes-*")).unlink()
    with store.lock(ref.stage, ref.key):
        assert [*damages(store)] == []


def test_scores_of_teachers_are_not_looked_at(store, publish):
    publish(store, 1)
    (store.root / "scores" / ("0" * 20)).mkdir(parents=True)
    (store.root / "scores" / ("0" * 20) / "manifest.json").write_text("of another kind")
    assert [*damages(store)] == []
