"""``distill diff``: what changed between two runs, and what that did to the numbers."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from flows.comparing import Difference, Number, Side, compare, numbers
from flows.named_runs import named_run

SHOWN = 4
HEADINGS = {
    "changed": "changed",
    "follows": "follows from these, with nothing of its own changed",
    "only in A": "only in A",
    "only in B": "only in B",
    "gone": "differs, but its manifest is gone, so nobody can say by what",
}


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill diff``."""
    command.add_argument("a", metavar="RUN_A", help="NAME, or NAME@1 for the run before the last, NAME@2, …")
    command.add_argument("b", metavar="RUN_B")
    command.add_argument("--json", action="store_true")


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print the stages that differ and the numbers that differ.

    Raises:
        ConfigError: there is no such run, or nothing of it lies in the store any more.
        ArtifactDamaged: a table of numbers is not what was written.
    """
    a, b = _side(store, given.a), _side(store, given.b)
    changes, measured = compare(a, b), numbers(store, a, b)
    if given.json:
        rows = [asdict(number) | {"difference": number.difference} for number in measured]
        changed = [asdict(change) for change in changes]
        print(json.dumps({"a": given.a, "b": given.b, "stages": changed, "numbers": rows}, indent=1))
        return
    print(f"A  {_told(given.a, a)}\nB  {_told(given.b, b)}")
    for status, heading in HEADINGS.items():
        chosen = [change for change in changes if change.status == status]
        if chosen:
            print(f"\n{heading}", *_lines(chosen), sep="\n  ")
    same = sum(key == b.keys.get(label) for label, key in a.keys.items())
    print(f"\n{same} stages are the same", *_table(measured), sep="\n")


def _side(store: ArtifactStore, name: str) -> Side:
    side = Side.of(store, named_run(store, name))
    if not side.manifests:
        raise ConfigError(
            where=f"run {name!r}",
            found="none of its artifacts in the store",
            expected="at least one",
            advice="Run it again; distill gc --keep-history keeps those of earlier runs.",
        )
    return side


def _told(name: str, side: Side) -> str:
    ended = max(manifest.finished_at for manifest in side.manifests.values())
    gone = len(side.keys) - len(side.manifests)
    return f"{name}, last artifact of {ended}" + (f"; {gone} artifacts are gone" if gone else "")


def _lines(changes: Sequence[Difference]) -> Iterator[str]:
    """A line for every reason; stages that share it stand together."""
    together: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        reasons = [*change.causes]
        if change.follows:
            reasons.append(f"follows {_some(change.follows)}")
        if change.same_content:
            reasons.append("made the same bytes")
        together.setdefault(tuple(reasons), []).append(change.label)
    for reasons, labels in together.items():
        yield ", ".join(labels) + "".join(f"\n    {reason}" for reason in reasons)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _table(measured: Sequence[Number]) -> Iterator[str]:
    """The numbers that differ; how many do not is one line."""
    differing = [number for number in measured if number.a != number.b]
    width = max([len("system"), *(len(number.system) for number in differing)])
    if differing:
        yield f"\n{'system':{width}}  split  {'measure':14}{'A':>14}{'B':>14}{'B - A':>14}"
    for each in differing:
        values = "".join(f"{_number(value):>14}" for value in (each.a, each.b))
        more = "-" if each.difference is None else f"{each.difference:+.4f}"
        yield f"{each.system:{width}}  {each.split:5}  {each.measure:14}{values}{more:>14}"
    yield f"{len(measured) - len(differing)} numbers are the same"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
