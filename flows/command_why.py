"""``distill why``: what an artifact was made from, and what changed since the one before it."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from data.artifacts import ArtifactStore
from data.digests import digest_of
from data.errors import ConfigError
from data.fingerprint import code_closure
from data.manifests import Manifest
from data.upkeep.lineage import Lineage, is_folder, part_ids
from flows.named_runs import named_run
from flows.planning import differences
from flows.records import RecordRow, RunRecord

SHOWN = 4


@dataclass(frozen=True)
class Before:
    """An older artifact of the same stage, and what would turn its recipe into the present one."""

    key: str
    finished_at: str
    changes: list[str]


@dataclass(frozen=True)
class Explained:
    """One artifact: where it came from."""

    stage: str
    of: str
    key: str
    finished_at: str
    seconds: float
    machine: dict[str, str]
    config: dict[str, Any]  # by the path of the field, as --set spells it
    inputs: dict[str, list[str]]  # part, digest and the artifact that made it
    code: dict[str, str]
    teacher_digests: list[str]  # of the teachers whose answers went into it
    changed_since: list[str]  # code that is other than when it was made: the next run makes it anew
    before: list[Before]  # newest first


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill why``."""
    command.add_argument("name", metavar="NAME", help="a run; NAME@1 is the run before the last")
    command.add_argument("stage", metavar="STAGE")
    command.add_argument("--json", action="store_true")


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print the recipe of every artifact that the stage made in a run.

    Raises:
        ConfigError: there is no such run, or nothing of this stage in it.
    """
    record = named_run(store, given.name)
    lineage = Lineage.of(store)
    rows = [row for row in record.rows if row.stage == given.stage and row.key in lineage.manifests]
    if not rows:
        stages = dict.fromkeys(row.stage for row in record.rows if row.key in lineage.manifests)
        raise ConfigError(
            where=f"stage {given.stage!r}",
            found=f"no artifact of it in run {given.name!r}",
            expected=f"one of {', '.join(stages)}" if stages else "artifacts that lie in the store",
            advice=f"See distill ls {given.name.partition('@')[0]}.",
        )
    explained = [explain(lineage, record, row) for row in rows]
    if given.json:
        print(json.dumps({"artifacts": [asdict(each) for each in explained]}, indent=1))
        return
    print("\n\n".join("\n".join(_lines(each)) for each in explained))


def explain(lineage: Lineage, record: RunRecord, row: RecordRow) -> Explained:
    """Gather what the manifests tell of one artifact."""
    manifest = lineage.manifests[row.key]
    recipe = manifest.recipe
    now = recipe.model_copy(update={"code": code_closure(recipe.code)})
    return Explained(
        stage=row.stage,
        of=row.of,
        key=row.key,
        finished_at=manifest.finished_at,
        seconds=manifest.seconds,
        machine=manifest.machine,
        config=dict(_flat(recipe.config, "")),
        inputs={name: _made_by(lineage, record, value) for name, value in recipe.inputs.items()},
        code=recipe.code,
        teacher_digests=sorted(_teachers(lineage, record, row.key)),
        changed_since=differences(recipe, now),
        before=[
            Before(old.key, old.finished_at, differences(old.recipe, recipe))
            for old in _older(lineage, manifest, row)
        ],
    )


def _older(lineage: Lineage, manifest: Manifest, row: RecordRow) -> list[Manifest]:
    """Artifacts that the same stage made for the same ``of`` before this one, newest first."""
    found = [
        other
        for other in lineage.manifests.values()
        if (other.stage, other.of) == (row.stage, row.of)
        and other.key != row.key
        and other.finished_at <= manifest.finished_at
    ]
    return sorted(found, key=lambda other: other.finished_at, reverse=True)


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  (JSON)
    if is_folder(value):
        yield path, f"{len(value)} files, digest {digest_of(value, 12)}"
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value):
            yield from _flat(item, f"{path}.{number}")
    else:
        yield path, value


def _made_by(lineage: Lineage, record: RunRecord, value: object) -> list[str]:
    """Every part of an input with its maker; the maker in this run before one of another run."""
    labels = {row.key: f"{row.stage} {row.of}".strip() for row in record.rows}
    told: list[str] = []
    for name, digest in sorted(part_ids(value)):
        makers = sorted(lineage.makers((name, digest)), key=lambda key: (key not in labels, key))
        if makers:
            maker = lineage.manifests[makers[0]]
            label = labels.get(maker.key, f"{maker.stage} {maker.of}".strip())
            told.append(f"{name} {digest[:12]} made by {label} ({maker.stage}/{maker.key})")
        else:
            told.append(f"{name} {digest[:12]}, whose maker no longer lies in the store")
    return told


def _teachers(lineage: Lineage, record: RunRecord, key: str) -> set[str]:
    """The digests noted by this artifact and by those it was made from, however far back."""
    keys = lineage.needed([key], preferred=[row.key for row in record.rows])
    noted = [lineage.manifests[key].facts.get("teacher_digest") for key in keys if key in lineage.manifests]
    return {str(digest) for digest in noted if digest}


def _lines(each: Explained) -> Iterator[str]:
    yield f"{each.stage} {each.of}".strip() + f"  ({each.stage}/{each.key})"
    yield f"  made     {each.finished_at}, in {each.seconds} s"
    yield "  machine  " + ", ".join(f"{name} {version}" for name, version in each.machine.items())
    if each.teacher_digests:
        yield f"  teacher  {', '.join(each.teacher_digests)}"
    yield from _column("config", [f"{path} = {json.dumps(value)}" for path, value in each.config.items()])
    inputs = [f"{name}: {told}" for name, parts in each.inputs.items() for told in parts or ["none"]]
    yield from _column("inputs", inputs)
    yield from _column("code", [f"{module} {digest}" for module, digest in each.code.items()])
    since = [f"{change}: the next run makes it anew" for change in each.changed_since]
    yield from _column("since", since or ["its code is what it was"])
    for before in each.before[:SHOWN]:
        changes = before.changes or ["nothing in its recipe"]
        yield from _column("before", [f"{before.key} of {before.finished_at}; since then:", *changes])
    if not each.before:
        yield "  before   no older artifact of it lies in the store"
    if len(each.before) > SHOWN:
        yield f"  before   and {len(each.before) - SHOWN} older ones: --json"


def _column(name: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else name:8} {line}"
