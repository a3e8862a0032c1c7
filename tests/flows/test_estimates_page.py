import pytest

from flows.cli import main
from flows.estimates_page import FORMULAS, PAGE, TITLES, page


def test_the_page_is_what_the_formulas_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m flows.estimates_page"


@pytest.mark.parametrize("collection", TITLES)
def test_the_page_holds_what_the_command_beside_it_prints(collection, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(PAGE.parent.parent)
    text = PAGE.read_text(encoding="utf-8")
    (command,) = (line for line in text.splitlines() if f"--collection {collection} " in line)
    _, *words = command.strip("`").split()
    assert main([*words, "--artifacts", str(tmp_path)]) == 0
    assert f"{command}\n\n{capsys.readouterr().out}" in text


def test_every_formula_is_there():
    assert all(f"`flows/estimating/{module}.py`" in page() for module in FORMULAS)
