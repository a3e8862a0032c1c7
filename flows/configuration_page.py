"""docs/configuration.md, written from the configuration classes: ``python -m flows.configuration_page``.

Keys, types, defaults and descriptions stand once, in the classes; this page cannot drift from them.
"""

import types
import typing
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.config import ROOT, PipelineConfig

PAGE = ROOT / "docs" / "configuration.md"
HEAD = """# Configuration

One TOML file per run, under `configs/` or anywhere. Every key below may be overridden on the command line:
`--set section.key=value`; entries of lists go by position or by name: `--set teachers.0.model=…`,
`--set students.kl.training.epochs=2`. An unknown key is an error.
Written by `python -m flows.configuration_page`.
"""


def page() -> str:
    """Write the page."""
    written: set[type[BaseModel]] = set()
    lines = [HEAD]
    for section, field in PipelineConfig.model_fields.items():
        many = get_origin(field.annotation) is tuple
        models = _models(field.annotation)
        if not models:
            lines += ["\n## Top level\n", *_table({section: field})]
        for model in models:
            heading = f"[[{section}]]" if many else f"[{section}]"
            kind = model.model_fields.get("kind")
            title = f'{heading} kind = "{kind.default}"' if kind else heading
            lines += [f"\n## `{title}`\n", _idea(model), "", *_section(model, written, "")]
    return "\n".join(lines) + "\n"


def _section(model: type[BaseModel], written: set[type[BaseModel]], prefix: str) -> list[str]:
    written.add(model)
    fields = {prefix + name: field for name, field in model.model_fields.items() if name != "kind"}
    return _table(fields) if fields else ["No keys."]


def _table(fields: dict[str, FieldInfo]) -> list[str]:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = "required" if field.is_required() else _default(field)
        meaning = " ".join((field.description or "").split())
        lines.append(f"| `{name}` | {_type(field.annotation)} | {default} | {meaning} |")
        nested = _models(field.annotation)
        if len(nested) == 1 and get_origin(field.annotation) is not tuple:
            inner = {f"{name}.{key}": value for key, value in nested[0].model_fields.items() if key != "kind"}
            lines += _table(inner)[2:]
    return lines


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        return "one " + ", ".join(type(item).__name__.removesuffix("Config") for item in value)
    return f"`{list(value) if isinstance(value, tuple) else value!r}`".replace("'", '"')


def _type(annotation: Any) -> str:  # noqa: ANN401
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(annotation))
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return " or ".join(_type(each) for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is typing.Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) is tuple:
        return f"list of {_type(get_args(annotation)[0])}"
    plain = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
    return plain.get(annotation, "table")


def _models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in get_args(annotation) for model in _models(each)]


def _idea(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
