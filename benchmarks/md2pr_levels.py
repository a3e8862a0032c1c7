"""``python -m benchmarks.md2pr_levels``: what each level of MD2PR gives, with the filter and without.

Runs ``configs/md2pr.toml`` and prints its students as one table: test nDCG@10, mean and standard deviation
over seeds, the share of negatives that the filter left out, and seconds of training. What is stored is
reused, so that a run that was cut off goes on, and a second one only prints.
"""

import argparse
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from benchmarks.material import COLLECTIONS
from data.artifacts import ArtifactStore
from data.schemas import METRICS
from flows import cli
from flows.records import manifests

NAME, FILTERED = "md2pr", "-filtered"
Values = Mapping[str, Sequence[float]]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=COLLECTIONS[0], help="a BEIR folder")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--artifacts", type=Path, default=Path(os.environ.get("DISTILL_ARTIFACTS", "artifacts"))
    )
    given = parser.parse_args()
    chosen = [f"source.path={given.dataset.resolve()}", f"seeds={list(range(given.seeds))}"]
    settings = [word for each in chosen for word in ("--set", each)]
    failed = cli.main(["run", NAME, "--artifacts", str(given.artifacts), *settings])
    if not failed:
        quality, rates, seconds = measured(ArtifactStore(given.artifacts))
        print(f"\n{given.dataset.name}, {given.seeds} seeds, test nDCG@10\n")
        print(table(quality, rates, seconds))
    return failed


def measured(store: ArtifactStore) -> tuple[Values, Values, Values]:
    """By student, for each seed: nDCG@10 on test, rate of the filter, seconds of training."""
    quality, rates, seconds = (defaultdict[str, list[float]](list) for _ in range(3))
    for row, manifest in manifests(store, NAME):
        student = row.of.partition("/")[0]
        if row.stage == "train_student":
            seconds[student].append(float(str(manifest.facts["train_s"])))
            rates[student].append(float(str(manifest.facts.get("filter_rate", 0.0))))
        elif row.stage == "evaluate_student" and "/" in row.of:
            metrics = pl.DataFrame(store.read(METRICS, manifest.ref))
            mean = metrics.filter(split="test", measure="nDCG@10").filter(pl.col("qid").is_null())
            quality[student].append(mean["value"].item())
    return quality, rates, seconds


def table(quality: Values, rates: Values, seconds: Values) -> str:
    """One row a level, without and with the filter.

    >>> once = {"none": [0.5, 0.7], "none-filtered": [0.6]}
    >>> print(table(once, {"none-filtered": [0.25]}, {"none": [3.0, 5.0], "none-filtered": [4.0]}))
    | level | no filter | filter | filter rate | seconds, no filter | filter |
    |---|---|---|---|---|---|
    | none | .600 ± .141 | .600 | 25.0 % | 4 | 4 |
    """
    lines = [
        "| level | no filter | filter | filter rate | seconds, no filter | filter |",
        "|---|" + "---|" * 5,
    ]
    for level in [name for name in quality if not name.endswith(FILTERED)]:
        both = (level, level + FILTERED)
        rate = 100 * statistics.mean(rates[both[1]])
        took = (f"{statistics.mean(seconds[name]):.0f}" for name in both)
        cells = [*(_spread(quality[name]) for name in both), f"{rate:.1f} %", *took]
        lines.append(f"| {level} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.3f}".lstrip("0")
    return f"{mean} ± {f'{statistics.stdev(values):.3f}'.lstrip('0')}" if len(values) > 1 else mean


if __name__ == "__main__":
    sys.exit(main())
