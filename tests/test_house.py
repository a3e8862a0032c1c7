"""The rules of the house, as tests."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("flows", "tasks", "models", "data")
MODULES = sorted(
    path for layer in LAYERS for path in (ROOT / layer).rglob("*.py") if path.name != "__init__.py"
)
# Declarations only, or protocols that their implementations' tests hold.
WITHOUT_MIRROR = {
    "data/errors.py",
    "data/schemas.py",
    "models/settings.py",
    "models/asked.py",
    "models/parts.py",
    "models/student.py",
    "models/teacher.py",
    "models/generator.py",
    "flows/distill_pipeline.py",  # flows/test_execution.py walks it
    "flows/command_run.py",
}


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_module_fits_on_a_few_screens(module):
    assert len(module.read_text().splitlines()) <= 250


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_module_has_a_mirror_test(module):
    relative = module.relative_to(ROOT)
    mirror = ROOT / "tests" / relative.parent / f"test_{relative.name}"
    assert mirror.exists() or name(module) in WITHOUT_MIRROR


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_module_opens_with_its_idea(module):
    assert ast.get_docstring(ast.parse(module.read_text()))


def test_imports_only_go_down():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_a_plan_imports_neither_torch_nor_prefect():
    heavy = "torch transformers sentence_transformers prefect faiss datasets ir_datasets scipy matplotlib"
    code = f"import sys, flows.cli; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_pickled():
    calls = [
        f"{name(path)}: {node.attr}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr == "pickle")
        or (isinstance(node, ast.Name) and node.id == "pickle")
        or (
            isinstance(node, ast.keyword)
            and node.arg in ("allow_pickle", "trust_remote_code")
            and getattr(node.value, "value", None) is True
        )
    ]
    assert calls == []
