import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from flows.config import load
from flows.overrides import override_value

keys = st.text("abc", min_size=1, max_size=3)


@given(st.lists(keys, min_size=1, max_size=4), st.integers())
def test_a_value_lies_where_its_path_says(path, number):
    values = {}
    override_value(values, f"{'.'.join(path)}={number}")
    for key in path:
        values = values[key]
    assert values == number


def test_overrides_reach_sections_lists_by_position_and_lists_by_name(tiny_toml):
    config = load(
        tiny_toml,
        ["mine.depth=7", "students.0.training.max_steps=9", "students.soft.training.max_steps=11"],
    )
    assert config.mine.depth == 7
    assert [student.training.max_steps for student in config.students] == [9, 11]


def test_an_override_that_is_no_toml_value_is_text(tiny_toml):
    assert load(tiny_toml, ["report.title=my run"]).report.title == "my run"


BAD = {
    "no equals sign": ("mine.depth", r"--set mine\.depth: found no '='"),
    "unknown position": ("teachers.7.name=x", r"--set teachers\.7.*: found '7'; expected a position below 2"),
    "a key below a value": ("mine.depth.x=1", r"found depth = 5, which holds no keys"),
}


@pytest.mark.parametrize(("override", "message"), BAD.values(), ids=BAD)
def test_a_path_that_leads_nowhere_is_named(tiny_toml, override, message):
    with pytest.raises(ConfigError, match=message):
        load(tiny_toml, [override])
