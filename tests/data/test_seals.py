import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.manifests import Closed
from data.seals import sealed, unsealed


class Kept(Closed):
    """A file as a reader sees it: no field but these."""

    name: str
    seconds: float
    facts: dict[str, int]


def file_of(name="ünï", seconds=0.5):
    return Kept(name=name, seconds=seconds, facts={"seal": 1}).model_dump_json(indent=1).encode()


@given(st.dictionaries(st.text(), st.integers(), min_size=1))
def test_what_was_sealed_comes_back(value):
    content = json.dumps(value, indent=1).encode()
    assert unsealed(sealed(content)) == content


@given(name=st.text(), seconds=st.floats(0, 1e9), data=st.data())
def test_no_byte_can_be_flipped_unseen(name, seconds, data):
    content = bytearray(sealed(file_of(name, seconds)))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError):  # noqa: PT011  (ours, or pydantic's)
        Kept.model_validate_json(unsealed(bytes(content)))


def test_every_single_byte_of_one_file_counts():
    content = sealed(file_of())
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1
        with pytest.raises(ValueError):  # noqa: PT011
            Kept.model_validate_json(unsealed(bytes(flipped)))


def test_a_sealed_file_is_json_with_one_more_field():
    assert json.loads(sealed(file_of()))["seal"]


def test_a_file_without_seal_is_taken_as_it_is():
    assert unsealed(file_of()) == file_of()


def test_another_value_is_told_from_the_sealed_one():
    content = sealed(file_of()).replace(b"0.5", b"0.6")
    with pytest.raises(ValueError, match="found other bytes than those that were sealed"):
        unsealed(content)
