from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from data.errors import ConfigError
from data.identity import Identity, canonical, file_identity, modules_of


class Inner(BaseModel):
    path: Annotated[Path, Identity(lambda path, digests: {"bytes": digests.sha256(path)})]
    depth: int = 3
    workers: int = Field(default=1, json_schema_extra={"cache": False})


class Outer(BaseModel):
    inner: Inner
    many: tuple[Inner, ...] = ()


def test_a_path_counts_by_what_lies_there(tmp_path, digests):
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).write_text(text)
    a, b, c = (canonical(Outer(inner=Inner(path=tmp_path / name)), digests) for name in "abc")
    assert a == b
    assert a != c


def test_fields_that_only_change_speed_do_not_count(tmp_path, digests):
    (tmp_path / "a").write_text("x")
    one, two = (canonical(Inner(path=tmp_path / "a", workers=n), digests) for n in (1, 2))
    assert one == two
    assert "workers" not in one


def test_every_other_field_counts(tmp_path, digests):
    (tmp_path / "a").write_text("x")
    one, two = (canonical(Inner(path=tmp_path / "a", depth=n), digests) for n in (1, 2))
    assert one != two


def test_modules_of_finds_classes_inside_tuples(tmp_path):
    outer = Outer(inner=Inner(path=tmp_path), many=(Inner(path=tmp_path),))
    assert modules_of({"x": [outer]}) == {Inner.__module__}


def test_a_value_without_canonical_form_is_refused(digests):
    with pytest.raises(TypeError, match="annotate its field with Identity"):
        canonical({"x": object()}, digests)


def test_a_file_that_a_setting_names_counts_by_its_bytes(tmp_path, digests):
    (tmp_path / "a").write_text("x")
    found = file_identity(tmp_path / "a", digests, where="runs.path", expected="a TREC run")
    assert found == digests.sha256(tmp_path / "a")


def test_a_setting_that_names_no_file_is_refused(tmp_path, digests):
    expected = r"runs\.path = '.*gone': found no such file; expected a TREC run\. Give the path"
    with pytest.raises(ConfigError, match=expected):
        file_identity(tmp_path / "gone", digests, where="runs.path", expected="a TREC run")
    with pytest.raises(ConfigError, match="found no such file"):
        file_identity(tmp_path, digests, where="runs.path", expected="a TREC run")
