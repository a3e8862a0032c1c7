"""What a piece of configuration *is*, for the address of what is made from it.

A path or a model name says where something lies, not what it is. A field annotated with
``Identity(function)`` enters the address by what the function returns (digests of the files it
names), every other field by its value. Fields marked ``json_schema_extra={"cache": False}`` do
not enter: batch sizes for inference, devices, display names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data.digests import FileDigests
from data.errors import ConfigError


@dataclass(frozen=True)
class Identity:
    """Marks a field whose value stands for something else: a file, a folder, a model."""

    of: Callable[[Any, FileDigests], object]


def _counts(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return not (isinstance(extra, dict) and extra.get("cache") is False)


def canonical(value: Any, digests: FileDigests) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Turn configuration into JSON that is equal on every machine where it means the same.

    Raises:
        InputError: a field names a file or model that is not there; raised by its ``Identity``.
        TypeError: a value has no canonical form.
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            name: _field(getattr(value, name), field, digests)
            for name, field in fields.items()
            if _counts(field)
        }
    if isinstance(value, dict):
        return {str(key): canonical(item, digests) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item, digests) for item in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    msg = f"{type(value).__name__} has no canonical form; annotate its field with Identity."
    raise TypeError(msg)


def _field(value: Any, field: FieldInfo, digests: FileDigests) -> Any:  # noqa: ANN401
    marks = [mark for mark in field.metadata if isinstance(mark, Identity)]
    if marks and value is not None:
        return marks[0].of(value, digests)
    return canonical(value, digests)


def file_identity(path: Path, digests: FileDigests, *, where: str, expected: str) -> str:
    """Digest of a file that a setting names, for ``Identity(partial(file_identity, where=…, expected=…))``.

    Args:
        path: as the setting has it.
        digests: remembers the digests of files.
        where: the setting, for the message.
        expected: what kind of file it is to be.

    Raises:
        ConfigError: there is no such file.
    """
    if not path.is_file():
        raise ConfigError(
            where=f"{where} = {str(path)!r}",
            found="no such file",
            expected=expected,
            advice="Give the path from where distill is started.",
        )
    return digests.sha256(path)


def unnamed(value: BaseModel, digests: FileDigests) -> dict[str, Any]:
    """Canonical settings without ``name``, which is for people and changes nothing that is learned."""
    return {key: each for key, each in canonical(value, digests).items() if key != "name"}


def modules_of(value: object) -> set[str]:
    """Names of the modules that define the configuration classes inside ``value``.

    A union dispatches on these: the code that a configuration runs is the code beside it.
    """
    if isinstance(value, BaseModel):
        inner = [getattr(value, name) for name in type(value).model_fields]
        return {type(value).__module__}.union(*map(modules_of, inner))
    if isinstance(value, dict):
        return set[str]().union(*map(modules_of, value.values()))
    if isinstance(value, list | tuple):
        return set[str]().union(*map(modules_of, value))
    return set()
