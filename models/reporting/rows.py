"""The tables of a report as rows of text, the heading first: the same for Markdown and HTML."""

from models.metrics import RETENTION
from models.reporting import findings, wording
from models.reporting.contents import Contents
from models.reporting.leaderboard import Leaderboard, Standing

Rows = list[list[str]]


def quality_rows(board: Leaderboard) -> Rows:
    """Every measure of every system."""
    return [["system", "role", "seeds", *board.measures]] + [
        [line.name, line.part, str(line.seeds), *map(line.cell, board.measures)] for line in board.lines
    ]


# heading: (cost, how many of its units are one of the heading's)
COSTS = {
    "parameters, M": ("parameters", 1e6),
    "index, MB": ("index_bytes", 1e6),
    "encode, ms": ("encode_ms", 1.0),
    "search, ms": ("search_ms", 1.0),
    "train, s": ("train_s", 1.0),
    "terms of a query": ("query_terms", 1.0),
    "of a passage": ("passage_terms", 1.0),
    "FLOPS": ("flops", 1.0),
}


# Columns that stand there even if no system has such a cost; the others are those of sparse students.
ALWAYS = frozenset({"parameters", "index_bytes", "encode_ms", "search_ms", "train_s"})


def cost_rows(board: Leaderboard) -> Rows:
    """What each system retains of its teacher, and what it takes."""
    told = {cost for line in board.lines for cost in line.costs}
    columns = {heading: cost for heading, cost in COSTS.items() if cost[0] in ALWAYS | told}
    return [["system", "retention", *columns]] + [
        [line.name, line.cell(RETENTION), *(_cost(line, *cost) for cost in columns.values())]
        for line in board.lines
    ]


def own_rows(board: Leaderboard) -> Rows:
    """Each student against its own control, in the main measure."""
    return [["student", "control", "difference", "p", "p, Holm", "verdict"]] + [
        [
            row["system"],
            row["control"],
            wording.signed(row["difference"]),
            wording.p_value(row["p_value"]),
            wording.p_value(row["p_holm"]),
            findings.verdict(row),
        ]
        for row in board.own_comparisons
    ]


def _cost(line: Standing, cost: str, unit: float) -> str:
    return wording.quantity(line.costs[cost] / unit) if cost in line.costs else wording.NOTHING


def aligned(rows: Rows, *, numbers: bool = True) -> str:
    """Lay a table out in Markdown whose columns also line up in a terminal.

    Args:
        rows: the heading first.
        numbers: whether all columns but the first are to be aligned to the right.

    >>> print(aligned([["system", "RR@10"], ["bm25", ".5"]]))
    | system | RR@10 |
    |:-------|------:|
    | bm25   |    .5 |
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [numbers and column > 0 for column in range(len(widths))]

    def line(cells: list[str]) -> str:
        parts = zip(cells, widths, right, strict=True)
        padded = (cell.rjust(width) if end else cell.ljust(width) for cell, width, end in parts)
        return f"| {' | '.join(padded)} |"

    rules = (
        f"{'-' * (width + 1)}:" if end else f":{'-' * (width + 1)}"
        for width, end in zip(widths, right, strict=True)
    )
    return "\n".join([line(rows[0]), f"|{'|'.join(rules)}|", *map(line, rows[1:])])


def distribution_rows(contents: Contents) -> Rows:
    """Each teacher's scores in numbers."""
    heading = ["teacher", "positives", "median", "negatives", "median ", "positive above negative"]
    return [heading] + [
        [
            each.teacher,
            f"{sum(each.positives):,}",
            f"{each.medians[0]:.2f}",
            f"{sum(each.negatives):,}",
            f"{each.medians[1]:.2f}",
            f"{100 * each.separation:.1f} %",
        ]
        for each in contents.distributions
    ]


def training_rows(contents: Contents) -> Rows:
    """Where each curve starts and ends."""
    heading = ["student", "seed", "measure", "steps", "first", "last"]
    return [heading] + [
        [
            panel.student,
            seed,
            panel.measure,
            f"{line[-1][0]:,}",
            wording.quantity(line[0][1]),
            wording.quantity(line[-1][1]),
        ]
        for panel in contents.panels
        for seed, line in panel.lines.items()
    ]


def signal_rows(contents: Contents) -> Rows:
    """Signs that a training went wrong, those worth a look first."""
    found = sorted(contents.signals, key=lambda each: each.verdict == "fine")
    return [["of", "signal", "verdict", "value", "limit", "what it is"]] + [
        [
            each.who,
            wording.spoken(each.name),
            each.verdict,
            wording.quantity(each.value),
            each.signal.limit,
            each.signal.says,
        ]
        for each in found
    ]


def gate_rows(contents: Contents) -> Rows:
    """Every check of every teacher, those that fell short first."""
    found = sorted(contents.gate.to_pylist(), key=lambda row: (row["verdict"] != "fail", row["teacher"]))

    def number(value: float | None) -> str:
        return wording.NOTHING if value is None else wording.quantity(value)

    return [["teacher", "check", "verdict", "value", "limit", "seen"]] + [
        [
            row["teacher"],
            wording.spoken(row["check"]),
            row["verdict"],
            number(row["value"]),
            number(row["limit"]),
            row["note"],
        ]
        for row in found
    ]


def health_rows(contents: Contents) -> Rows:
    """Cluster health, one line per level of the clusters of each encoder."""
    found = {of: table.to_pylist() for of, table in contents.health.items()}
    measures = list(dict.fromkeys(row["measure"] for rows in found.values() for row in rows))
    lines = [["vectors of", "level", *map(wording.spoken, measures)]]
    for of, rows in found.items():
        values = {(row["level"], row["measure"]): row["value"] for row in rows}
        levels = sorted({row["level"] for row in rows})
        lines += [
            [of or "embed", str(level), *(_count(values.get((level, measure))) for measure in measures)]
            for level in levels
        ]
    return lines


def _count(value: float | None) -> str:
    if value is None:
        return wording.NOTHING
    return wording.fact(int(value) if value == int(value) else value)


def provenance_rows(contents: Contents) -> Rows:
    """What happened to each stage."""
    return [["stage", "of", "status", "seconds", "key"]] + [
        [row.stage, row.of, row.status, f"{row.seconds:.1f}", row.key] for row in contents.provenance
    ]
