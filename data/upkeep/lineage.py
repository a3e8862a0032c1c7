"""Which artifact was made from which: recipes name their inputs by content, manifests name the content made.

A part is known by its name and digest. An input may also be given by configuration: the folder of an earlier
student as a backbone, a run as a file. Such inputs are known by the SHA-256 of their files.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from data.artifacts import ArtifactStore
from data.manifests import Manifest, Recipe
from data.upkeep.addresses import addresses

PartId = tuple[str, str]
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass
class Lineage:
    """All readable manifests of a store, by key."""

    manifests: dict[str, Manifest] = field(default_factory=dict)

    @classmethod
    def of(cls, store: ArtifactStore) -> "Lineage":
        """Read every manifest."""
        found = [store.manifest(*address) for address in addresses(store)]
        return cls({manifest.key: manifest for manifest in found if manifest is not None})

    @cached_property
    def _makers(self) -> dict[PartId, frozenset[str]]:
        made: dict[PartId, set[str]] = {}
        for key, manifest in self.manifests.items():
            for name, part in manifest.parts.items():
                made.setdefault((name, part.digest), set()).add(key)
        return {part: frozenset(keys) for part, keys in made.items()}

    @cached_property
    def _holders(self) -> dict[str, frozenset[PartId]]:
        held: dict[str, set[PartId]] = {}
        for manifest in self.manifests.values():
            for name, part in manifest.parts.items():
                for entry in part.files:
                    held.setdefault(entry.sha256, set()).add((name, part.digest))
        return {sha: frozenset(parts) for sha, parts in held.items()}

    def makers(self, part: PartId) -> frozenset[str]:
        """Keys of the artifacts that hold this part."""
        return self._makers.get(part, frozenset())

    def sources(self, recipe: Recipe) -> list[frozenset[str]]:
        """For every input, the keys of the artifacts any one of which provides it."""
        given = [self._parts_with(files) for files in given_files(recipe.config)]
        makers = [self.makers(part) for part in sorted(part_ids(recipe.inputs))]
        makers += [frozenset[str]().union(*map(self.makers, parts)) for parts in given]
        return [keys for keys in makers if keys]

    def _parts_with(self, files: frozenset[str]) -> frozenset[PartId]:
        return frozenset.intersection(*(self._holders.get(sha, frozenset()) for sha in files))

    def needed(self, named: Collection[str], preferred: Collection[str] = ()) -> frozenset[str]:
        """Keys of the named artifacts and of everything that they were made from, and so on.

        Of several artifacts that provide an input, the named and preferred ones stand for all; where there is
        none among them, every one is needed.
        """
        roots = frozenset(named).union(preferred)
        kept: set[str] = set()
        waiting = list(named)
        while waiting:
            key = waiting.pop()
            if key in kept:
                continue
            kept.add(key)
            if key in self.manifests:
                sources = self.sources(self.manifests[key].recipe)
                waiting += [maker for makers in sources for maker in makers & roots or makers]
        return frozenset(kept)


def part_ids(inputs: object) -> frozenset[PartId]:
    """Every part among the inputs of a recipe.

    >>> part_ids({"weights": None, "trained": [{"model": "ab"}]})
    frozenset({('model', 'ab')})
    """
    if isinstance(inputs, dict):
        named = frozenset((name, digest) for name, digest in inputs.items() if isinstance(digest, str))
        return named.union(*map(part_ids, inputs.values()))
    if isinstance(inputs, list | tuple):
        return frozenset[PartId]().union(*map(part_ids, inputs))
    return frozenset()


def given_files(config: object) -> Iterator[frozenset[str]]:
    """SHA-256 of every file, or of all files of every folder, that a configuration names."""
    if isinstance(config, dict):
        if is_folder(config):
            yield frozenset(config.values())
            return
        config = list(config.values())
    if isinstance(config, list | tuple):
        for each in config:
            yield from given_files(each)
    elif _is_sha(config):
        yield frozenset({str(config)})


def is_folder(value: object) -> bool:
    """Whether a value of a configuration stands for a folder: the SHA-256 of each of its files."""
    return isinstance(value, dict) and bool(value) and all(map(_is_sha, value.values()))


def _is_sha(value: object) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None
