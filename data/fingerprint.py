"""Which first-party code a stage runs, as digests of syntax trees.

The closure of a module is the module and every first-party module it imports, directly or
through others. Comments, formatting and docstrings do not count. A package that declares a union
(students, teachers, generators, sources) is not followed: only the chosen kind's module
is code that runs, and the caller names it as a further root.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_PARTY = ("flows", "tasks", "models", "data")
UNIONS = frozenset(
    {"models.students", "models.teachers", "models.generators", "models.retrievers", "data.sources"}
)
# What these compute enters an address as values; their code changes no table.
INFRASTRUCTURE = frozenset(
    {"tasks.stage", "data.artifacts", "data.digests", "data.errors"}
    | {"data.fingerprint", "data.identity", "data.manifests", "data.progress"}
    | {"data.remote", "data.remote.addresses", "data.remote.mirror", "data.remote.objects"}
    | {"data.remote.score_shards", "data.remote.run_records", "data.stores", "data.spreading"}
)


def code_closure(roots: Iterable[str]) -> dict[str, str]:
    """Digest of every module that the ``roots`` run, by module name.

    >>> sorted(code_closure(["data.tables"]))
    ['data', 'data.schemas', 'data.tables']
    """
    seen: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        path = _source(ROOT, module)
        if module in seen or module in INFRASTRUCTURE or path is None:
            continue
        stat = path.stat()
        digest, imports = _parse(path, module, stat.st_mtime_ns, stat.st_size)
        seen[module] = digest
        waiting += [name for name in imports if name not in UNIONS]
    return dict(sorted(seen.items()))


@functools.cache
def _source(root: Path, module: str) -> Path | None:
    if module.partition(".")[0] not in FIRST_PARTY:
        return None
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _parse(path: Path, module: str, _mtime_ns: int, _size: int) -> tuple[str, tuple[str, ...]]:
    tree = ast.parse(path.read_bytes(), filename=str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = {package}
    for node in ast.walk(tree):
        _drop_docstring(node)
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports.add(node.module)
            imports.update(f"{node.module}.{alias.name}" for alias in node.names)
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]
    return digest, tuple(sorted(name for name in imports if name.partition(".")[0] in FIRST_PARTY))


def _drop_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = node.body[1:] or [ast.Pass()]
