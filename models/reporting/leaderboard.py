"""The leaderboard: one line per system, a student's seeds taken together."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
import pyarrow as pa

from data.errors import ConfigError
from models.metrics import RETENTION, USUAL
from models.reporting import wording
from models.significance import compare, compare_pairs


@dataclass(frozen=True)
class System:
    """Who was judged: the name in the tables, the name its seeds share, what it is, what to say of it."""

    system: str
    name: str
    role: str
    remark: str = ""  # what its numbers leave out, or why it has none


@dataclass(frozen=True)
class Spread:
    """Mean and, over several seeds, standard deviation (n − 1)."""

    mean: float
    deviation: float | None

    def __str__(self) -> str:
        """Mean ± deviation, without leading zeros."""
        more = "" if self.deviation is None else f"±{wording.decimal(self.deviation)}"
        return wording.decimal(self.mean) + more


@dataclass(frozen=True)
class Standing:
    """One line: what a system achieves, what it costs, and whether it differs from the control."""

    name: str
    role: str
    seeds: int
    values: Mapping[str, Spread]
    costs: Mapping[str, float]
    is_control: bool = False
    p_holm: Mapping[str, float] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """What it is, the control named."""
        return f"{self.role}, control" if self.is_control else self.role

    def cell(self, measure: str) -> str:
        """Value, spread and mark of one measure."""
        if measure not in self.values:
            return wording.NOTHING
        return f"{self.values[measure]}{wording.mark(self.p_holm.get(measure))}"

    def latency_ms(self) -> float | None:
        """Encoding and searching together; None where nothing was timed."""
        return sum(self.costs.get(name, 0.0) for name in ("encode_ms", "search_ms")) or None


@dataclass(frozen=True)
class Leaderboard:
    """All systems, the best first, and how each compares with the control."""

    split: str
    queries: int
    measures: Sequence[str]  # the main one, which orders the lines, first
    control: str
    lines: Sequence[Standing]
    significance: pa.Table
    # Students against controls of their own, where those are not the control of all.
    own: pa.Table
    remarks: Sequence[str] = ()

    @property
    def main(self) -> str:
        """The measure that orders the lines."""
        return self.measures[0]

    @property
    def comparisons(self) -> list[dict[str, Any]]:
        """Rows of ``significance`` in the main measure, in the order of the lines."""
        rows = {row["system"]: row for row in self.significance.to_pylist() if row["measure"] == self.main}
        return [rows[line.name] for line in self.lines if line.name in rows]

    def compared(self, name: str) -> dict[str, Any] | None:
        """A system's comparison in the main measure; None for the control itself."""
        return next((row for row in self.comparisons if row["system"] == name), None)

    @property
    def own_comparisons(self) -> list[dict[str, Any]]:
        """Rows of ``own`` in the main measure, in the order of the lines."""
        places = {line.name: place for place, line in enumerate(self.lines)}
        rows = [row for row in self.own.to_pylist() if row["measure"] == self.main]
        return sorted(rows, key=lambda row: places[row["system"]])

    def best_student(self) -> Standing | None:
        """The first student that is not the control."""
        return next((line for line in self.lines if line.role == "student" and not line.is_control), None)


def leaderboard(  # noqa: PLR0913
    systems: Sequence[System],
    metrics: pa.Table,
    costs: pa.Table,
    main: str,
    control: str | None,
    *,
    controls: Mapping[str, str] | None = None,
) -> Leaderboard:
    """Order the systems by the main measure, equal ones by name, and test each against the control.

    A system without marks has no line; what was remarked of it is kept.

    Args:
        systems: everyone who was judged, in the order of the pipeline.
        metrics: their marks on one split; the rows without qid are means over queries.
        costs: what each took; ``train_s`` included where something was trained.
        main: a measure.
        control: a name; None for the first system.
        controls: of students that have one of their own, by their name.

    Raises:
        ConfigError: the measure was not computed, or the control was not judged.
    """
    remarks = [each.remark for each in systems if each.remark]
    marked = set(metrics["system"].to_pylist())
    systems = [each for each in systems if each.system in marked]
    names = list(dict.fromkeys(each.name for each in systems))
    control = _control(names, control)
    measures = measures_of(metrics, main)
    values = over_seeds(metrics, systems)
    significance = compare(values, control)
    # A control may have been left out of the run.
    own = {
        name: each for name, each in (controls or {}).items() if each != control and {name, each} <= {*names}
    }
    lines = [_standing([each for each in systems if each.name == name], metrics, costs) for name in names]
    verdicts = significance.to_pylist()
    lines = [
        replace(
            line,
            is_control=line.name == control,
            p_holm={row["measure"]: row["p_holm"] for row in verdicts if row["system"] == line.name},
        )
        for line in lines
    ]
    return Leaderboard(
        split=metrics["split"][0].as_py(),
        queries=len(set(metrics["qid"].to_pylist()) - {None}),
        measures=measures,
        control=control,
        lines=sorted(lines, key=lambda line: (-line.values[measures[0]].mean, line.name)),
        significance=significance,
        own=compare_pairs(values, own),
        remarks=remarks,
    )


def measures_of(metrics: pa.Table, main: str) -> list[str]:
    """The measures in a table ``metrics``: the main one, the usual ones, the others.

    Raises:
        ConfigError: the main measure is not among them.
    """
    found = set(metrics["measure"].to_pylist()) - {RETENTION}
    if main not in found:
        raise ConfigError(
            where="report.measure",
            found=repr(main),
            expected=f"one of the measures that were computed: {', '.join(sorted(found))}",
            advice="Add it to evaluate.measures or name another.",
        )
    rest = [name for name in USUAL if name in found] + sorted(found - set(USUAL))
    return list(dict.fromkeys([main, *rest]))


def over_seeds(metrics: pa.Table, systems: Sequence[System]) -> pl.DataFrame:
    """Value of each query, of a student its mean over seeds: system, measure, qid, value."""
    names = {each.system: each.name for each in systems}
    frame = pl.DataFrame(metrics).filter(pl.col("qid").is_not_null())
    frame = frame.with_columns(pl.col("system").replace(names))
    return frame.group_by("system", "measure", "qid").agg(pl.col("value").mean()).sort("system", "qid")


def _control(names: Sequence[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in names:
        raise ConfigError(
            where="report.control",
            found=repr(wanted),
            expected=f"one of the systems of this run: {', '.join(names)}",
            advice="Name another, or keep it among the students of the run.",
        )
    return wanted or names[0]


def _standing(seeds: Sequence[System], metrics: pa.Table, costs: pa.Table) -> Standing:
    own = {each.system for each in seeds}
    marks = _gather(
        (row["measure"], row["value"])
        for row in metrics.to_pylist()
        if row["qid"] is None and row["system"] in own
    )
    taken = _gather((row["cost"], row["value"]) for row in costs.to_pylist() if row["system"] in own)
    return Standing(
        name=seeds[0].name,
        role=seeds[0].role,
        seeds=len(seeds),
        values={measure: _spread(values) for measure, values in marks.items()},
        costs={cost: statistics.fmean(values) for cost, values in taken.items()},
    )


def _gather(pairs: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    gathered: dict[str, list[float]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return gathered


def _spread(values: list[float]) -> Spread:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation)
