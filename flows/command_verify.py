"""``distill verify``: read every byte of the store again and name each file that is not what was written."""

import argparse
from collections.abc import Callable, Iterator

from data.artifacts import ArtifactStore
from data.errors import ArtifactDamaged
from data.upkeep.addresses import Address
from data.upkeep.damages import Checked, Damage, check, finished
from data.upkeep.remote_damages import check_remote, check_remote_scores
from data.upkeep.remote_garbage import remote_addresses
from data.upkeep.scores import check_scores
from flows.named_runs import every_run, named_run
from flows.records import RunRecord


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill verify``."""
    command.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="only what this run names; else everything"
    )
    command.add_argument(
        "--bytes",
        action="store_true",
        help="of an object store, read the bytes too; without it, only of what the cache holds",
    )


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print a line for every damaged file, with the command that mends it.

    Raises:
        ConfigError: there is no such run.
        ArtifactDamaged: a file is not what was written.
    """
    runs = {given.name: named_run(store, given.name)} if given.name else every_run(store)
    files = size_bytes = damaged = 0
    for checker in _remote_checks(read=given.bytes) if store.mirror else CHECKS:
        for each in checker(store, runs, not given.name):
            files, size_bytes = files + 1, size_bytes + each.size_bytes
            if each.damage is not None:
                damaged += 1
                print(_line(each.damage, runs))
    if damaged:
        msg = (
            f"verify: found {damaged} damaged of {files} files; expected the bytes that were written. "
            "The commands above make the damaged artifacts anew and nothing else."
        )
        raise ArtifactDamaged(msg)
    print(f"{files} files with {size_bytes} bytes are what was written")


def _artifacts(store: ArtifactStore, runs: dict[str, RunRecord], everything: bool) -> Iterator[Checked]:
    """What the runs name must be there; what else lies in the store must be whole."""
    named = {Address(row.stage, row.key) for record in runs.values() for row in record.rows}
    return check(store, sorted(named.union(finished(store) if everything else ())))


def _scores(store: ArtifactStore, _runs: dict[str, RunRecord], everything: bool) -> Iterator[Checked]:
    """Scores belong to no run, so that they are looked at when everything is."""
    return check_scores(store) if everything else iter(())


def _remote_checks(*, read: bool) -> "tuple[Check, ...]":
    """The same looks at an object store."""

    def artifacts(store: ArtifactStore, runs: dict[str, RunRecord], everything: bool) -> Iterator[Checked]:
        named = {Address(row.stage, row.key) for record in runs.values() for row in record.rows}
        others = remote_addresses(store.mirror) if everything and store.mirror else []
        there = {each for each in others if store.manifest(*each)}
        return check_remote(store, sorted(named | there), read=read)

    def scores(store: ArtifactStore, _runs: dict[str, RunRecord], everything: bool) -> Iterator[Checked]:
        return check_remote_scores(store, read=read) if everything else iter(())

    return artifacts, scores


def _line(damage: Damage, runs: dict[str, RunRecord]) -> str:
    names = sorted(name for name, record in runs.items() if damage.key in {row.key for row in record.rows})
    run_it = f"Make it anew: distill run {names[0].partition('@')[0]}" if names else ""
    advice = damage.advice or run_it or "No run names it; remove it: distill gc"
    place = f"{damage.stage}/{damage.key}/{damage.file}"
    return f"{place}: found {damage.found}; expected {damage.expected}. {advice}"


# Every keeper of files below the root: (store, the runs asked about, whether to look at all else too).
Check = Callable[[ArtifactStore, dict[str, RunRecord], bool], Iterator[Checked]]
CHECKS: tuple[Check, ...] = (_artifacts, _scores)
