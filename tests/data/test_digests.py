import os

from hypothesis import given
from hypothesis import strategies as st

from data.digests import FileDigests, digest_of


def test_a_changed_file_has_another_digest(tmp_path):
    digests, file = FileDigests(tmp_path / "memory.json"), tmp_path / "file"
    file.write_bytes(b"one")
    before = digests.sha256(file)
    file.write_bytes(b"two")
    assert digests.sha256(file) != before


def test_a_file_with_the_same_size_and_time_is_hashed_again_when_its_inode_differs(tmp_path):
    digests, file, other = FileDigests(tmp_path / "memory.json"), tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"one")
    before = digests.sha256(file)
    other.write_bytes(b"two")
    os.utime(other, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert digests.sha256(file) != before


def test_memory_survives_and_a_lost_or_broken_memory_costs_nothing(tmp_path):
    file, memory = tmp_path / "file", tmp_path / "memory.json"
    file.write_bytes(b"one")
    first = FileDigests(memory)
    sha = first.sha256(file)
    first.save()
    assert FileDigests(memory).sha256(file) == sha
    memory.write_text("{broken")
    assert FileDigests(memory).sha256(file) == sha


def test_two_processes_saving_keep_both_entries(tmp_path):
    memory = tmp_path / "memory.json"
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    one, two = FileDigests(memory), FileDigests(memory)
    one.sha256(tmp_path / "a")
    two.sha256(tmp_path / "b")
    one.save()
    two.save()
    assert str(tmp_path / "a") in memory.read_text()
    assert str(tmp_path / "b") in memory.read_text()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x), max_leaves=5
)


@given(st.dictionaries(st.text(), JSON))
def test_digest_does_not_depend_on_the_order_of_keys(values):
    assert digest_of(values) == digest_of(dict(reversed(values.items())))
