import pytest

from data import fingerprint


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house of four modules: a stage, its helper, and a union of two kinds."""
    files = {
        "tasks/work.py": "from models.helper import double\nfrom models.students import Any\n",
        "tasks/__init__.py": "",
        "models/__init__.py": "",
        "models/helper.py": '"""Doc."""\n\ndef double(x):\n    """Doc."""\n    return 2 * x\n',
        "models/students/__init__.py": "from models.students import one, two\n",
        "models/students/one.py": "A = 1\n",
        "models/students/two.py": "B = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    return tmp_path


def closure(*roots):
    fingerprint._parse.cache_clear()
    return fingerprint.code_closure(roots)


def test_comments_and_docstrings_do_not_count(house):
    before = closure("tasks.work")
    helper = house / "models/helper.py"
    helper.write_text('"""Another."""\n# why\ndef double(x):\n    return 2 * x\n')
    assert closure("tasks.work") == before


def test_a_changed_helper_counts(house):
    before = closure("tasks.work")
    (house / "models/helper.py").write_text("def double(x):\n    return x + x\n")
    changed = closure("tasks.work")
    assert {name for name in before if before[name] != changed[name]} == {"models.helper"}


def test_of_a_union_only_the_chosen_kind_counts(house):
    assert "models.students.one" not in closure("tasks.work")
    before = closure("tasks.work", "models.students.one")
    (house / "models/students/two.py").write_text("B = 2\n")
    assert closure("tasks.work", "models.students.one") == before
    (house / "models/students/one.py").write_text("A = 2\n")
    assert closure("tasks.work", "models.students.one") != before
