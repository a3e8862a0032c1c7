"""What the limit does to two runs: test_operating.py, where there is a server."""

from hypothesis import given
from hypothesis import strategies as st

from flows.prefect_roots import limit_name


@given(st.lists(st.text("abc /-_.ä%?", min_size=1), min_size=1))
def test_the_name_of_a_root_can_stand_in_an_address(parts):
    name = limit_name("/".join(["/srv", *parts]))
    assert name.startswith("root-srv")
    assert not set(name) & set("/ %?")


def test_one_root_has_one_name_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert limit_name("artifacts") == limit_name(f"{tmp_path}/other/../artifacts")
