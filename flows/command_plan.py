"""``distill plan``: what a run would do and why. ``--estimate``: what it would take on any collection.

An estimate needs no data: sizes are those of the last run, of a known collection, or as given. Rates and
widths of rows are measured in the store; with a file of rates nothing is taken from the store but the sizes.
"""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from data.manifests import Manifest
from flows.config import PipelineConfig, config_path, load
from flows.planning import Choice, PlannedStage, plan
from flows.records import read_record

# Options that mean something to an estimate alone, and what they are when left out.
SIZES = ("collection", "passages", "queries", "passage_words", "rates", "gpu", "utilisation")


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``distill plan``."""
    command.add_argument("--json", action="store_true")
    command.add_argument(
        "--estimate", action="store_true", help="pairs, hours, disk, memory and a machine; needs no data"
    )
    command.add_argument("--collection", metavar="C", help="of a known size: nq, nq-w100, msmarco")
    command.add_argument("--passages", type=int, metavar="N", help="of the collection to estimate for")
    command.add_argument("--queries", type=int, metavar="N", help="to learn from, of train and dev")
    command.add_argument("--passage-words", type=float, metavar="W", help="of a mean passage")
    command.add_argument("--rates", metavar="NAME|FILE.toml", help="of this machine: a run's, or as written")
    command.add_argument("--gpu", metavar="GPU", help="the one to rent; else the smallest that suffices")
    command.add_argument("--utilisation", type=float, metavar="S", help="share of its peak that is reached")


def run(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print the plan, or the estimate.

    Raises:
        ConfigError: a size, a rate or a GPU is not known.
    """
    if given.estimate:
        print_estimate(given, store)
        return
    if lost := [name for name in SIZES if getattr(given, name) is not None]:
        raise ConfigError(
            where="plan",
            found=f"--{lost[0].replace('_', '-')} without --estimate",
            expected="both, or neither",
            advice="A plan takes its sizes from the collection; add --estimate for another.",
        )
    _, _, rows = configured(given, store, look_ahead=True)
    if given.json:
        told = (
            {name: value for name, value in asdict(row).items() if name != "outlook" or value} for row in rows
        )
        print(json.dumps({"stages": list(told)}, indent=1))
        return
    for row in rows:
        print(f"{row.status:5}  {row.stage:17} {row.of:24} {row.key or '':20}  {row.reason}{_ahead(row)}")
    to_run = sum(row.status == "run" for row in rows)
    print(f"{to_run} stages to run, {len(rows) - to_run} to reuse")


def configured(
    given: argparse.Namespace, store: ArtifactStore, *, look_ahead: bool = False
) -> tuple[PipelineConfig, str, list[PlannedStage]]:
    """The configuration that is asked for, its name, and the plan of its run."""
    path = config_path(given.name)
    config = load(path, given.set, given.students)
    rows = plan(config, store, read_record(store, path.stem), choice_of(given), look_ahead=look_ahead)
    return config, path.stem, rows


def choice_of(given: argparse.Namespace) -> Choice:
    """Which stages are to be made anew, or left out."""
    return Choice(refresh=tuple(given.refresh), start=given.start, only=given.only)


def _ahead(row: PlannedStage) -> str:
    if row.outlook is None:
        return ""
    ahead = row.outlook
    time_left = "no rate known yet" if ahead.seconds is None else f"about {ahead.seconds:,.0f} s"
    return f"; {ahead.unit}s: {ahead.stored:,} stored, {ahead.to_do:,} to do, {time_left}"


def print_estimate(given: argparse.Namespace, store: ArtifactStore) -> None:
    """Print the tables of an estimate, or its numbers as JSON."""
    from flows.estimate import estimate
    from flows.estimating.collection_size import size_of
    from flows.estimating.disk import measured_rows, measured_scores
    from flows.estimating.hardware import UTILISATION, gpu_named
    from flows.estimating.printing import shown
    from flows.estimating.rates import rates_of

    path = config_path(given.name)
    config = load(path, given.set, given.students)
    size = size_of(
        store,
        path.stem,
        collection=given.collection,
        passages=given.passages,
        queries=given.queries,
        passage_words=given.passage_words,
    )
    measured = {} if _pinned(given) else measured_rows(_manifests(store, path))
    if not _pinned(given) and (scores := measured_scores(store)):
        measured["scores"] = scores
    found = estimate(
        config,
        size,
        rates=rates_of(store, given.rates, path.stem, os.cpu_count() or 1),
        measured=measured,
        utilisation=UTILISATION if given.utilisation is None else given.utilisation,
        gpu=gpu_named(given.gpu) if given.gpu else None,
    )
    print(json.dumps(found.told(), indent=1) if given.json else shown(found))


def _pinned(given: argparse.Namespace) -> bool:
    return given.rates is not None and given.rates.endswith(".toml")


def _manifests(store: ArtifactStore, path: Path) -> list[Manifest]:
    rows = read_record(store, path.stem).rows
    return [manifest for row in rows if (manifest := store.manifest(row.stage, row.key))]
