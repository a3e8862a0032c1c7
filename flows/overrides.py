"""``--set section.key=value``: change one value of a configuration before it is checked."""

import tomllib
from typing import Any

from data.errors import ConfigError


def override_value(values: dict[str, Any], override: str) -> None:
    """Put one value in its place; lists take a position, or the name of an entry.

    Raises:
        ConfigError: the text has no '=', or its path leads nowhere.

    >>> values = {"students": [{"name": "kl"}]}
    >>> override_value(values, "students.kl.epochs=2")
    >>> values
    {'students': [{'name': 'kl', 'epochs': 2}]}
    """
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(
            where=f"--set {override}",
            found="no '='",
            expected="section.key=value, such as mine.depth=50",
            advice="Lists take a position or a name: teachers.0.model=…, students.kl.epochs=2.",
        )
    *parents, last = path.strip().split(".")
    node: Any = values
    for part in parents:
        node = _step(node, part, override)
    if isinstance(node, list):
        node[_position(node, last, override)] = _value(text)
    else:
        node[last] = _value(text)


def _step(node: Any, part: str, override: str) -> Any:  # noqa: ANN401
    if isinstance(node, list):
        return node[_position(node, part, override)]
    found = node.setdefault(part, {})
    if not isinstance(found, dict | list):
        raise ConfigError(
            where=f"--set {override}",
            found=f"{part} = {found!r}, which holds no keys",
            expected="the path of a key",
            advice="See the sections in the TOML file.",
        )
    return found


def _position(items: list[Any], part: str, override: str) -> int:
    names = [item.get("name", "") if isinstance(item, dict) else "" for item in items]
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    raise ConfigError(
        where=f"--set {override}",
        found=repr(part),
        expected=f"a position below {len(items)} or one of {', '.join(filter(None, names)) or 'no names'}",
        advice="Add new entries in the TOML file.",
    )


def _value(text: str) -> Any:  # noqa: ANN401
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
