"""An estimate as the tables that a person reads."""

from flows.estimate import Estimate, StageCost
from flows.estimating.hardware import GPUS
from flows.estimating.machine import GB
from models.reporting.rows import Rows, aligned


def shown(found: Estimate) -> str:
    """All tables, and what to rent; what is assumed and what was measured stands below its table."""
    size = found.size
    on_each = ", ".join(f"{found.gpu_hours_on(gpu):,.1f} on {gpu.name}" for gpu in GPUS)
    parts = [
        f"{size.name}: {size.passages:,} passages of {size.passage_tokens:.0f} tokens, "
        f"{size.learned_queries:,} queries to learn from, {size.test_queries:,} to test on\n{size.source}",
        aligned(_pair_rows(found)),
        aligned(_stage_rows(found)),
        f"GPU h: ASSUMED, {found.utilisation:g} of the peak of one {found.machine.gpu.name}; all: {on_each}\n"
        f"here h: models by MEASURED rates, extrapolated by FLOPs ({found.rates.where});\n"
        f"searches by rates of a core: FAISS measured, {found.rates.cores} cores here; BM25 cited, one core",
        aligned(_table_rows(found)),
        aligned(_peak_rows(found), numbers=False),
        _rented(found),
    ]
    return "\n\n".join(parts)


def _pair_rows(found: Estimate) -> Rows:
    heading = ["teacher", "queries asked", "pairs, at most", "at least"]
    return [heading] + [
        [each.teacher, f"{each.queries:,}", f"{each.most:,}", f"{each.least:,}"] for each in found.pairs
    ]


def _stage_rows(found: Estimate) -> Rows:
    stages = found.stages
    here = [each.here_hours for each in stages if each.here_hours is not None]
    least = "" if len(here) == len(stages) else "over "
    total = ["all", "", *_sums(stages), f"{least}{sum(here):,.1f}"]
    heading = ["stage", "work", "tokens, M", "PFLOP", "GPU h", "core h", "here h"]
    return [heading, *map(_stage_row, stages), total]


def _stage_row(each: StageCost) -> list[str]:
    here = "no rate known" if each.here_hours is None else f"{each.here_hours:,.1f}"
    work = f"{each.items:,} {PLURALS[each.unit]}"
    return [f"{each.stage} {each.of}".strip(), work, *_sums([each]), here]


PLURALS = {"passage": "passages", "query": "queries", "pair": "pairs", "list": "lists"}


def _sums(stages: list[StageCost]) -> list[str]:
    return [
        f"{sum(each.tokens for each in stages) / 1e6:,.0f}",
        f"{sum(each.flops for each in stages) / 1e15:,.2f}",
        f"{sum(each.gpu_hours for each in stages):,.2f}",
        f"{sum(each.core_hours for each in stages):,.2f}",
    ]


def _table_rows(found: Estimate) -> Rows:
    rows = [
        [
            table.name,
            f"{table.rows:,}",
            f"{table.row_bytes:,.1f}",
            f"{table.disk_bytes / GB:,.2f}",
            "measured" if table.measured else "schema",
        ]
        for table in found.tables
    ]
    heading = ["table", "rows", "bytes a row", "GB", "width"]
    return [heading, *rows, ["all", "", "", f"{found.disk_bytes / GB:,.2f}", ""]]


def _peak_rows(found: Estimate) -> Rows:
    rows = [[peak.stage, f"{peak.peak_bytes / GB:,.1f}", peak.holds] for peak in found.peaks]
    training = f"{found.gpu_memory_bytes / GB:,.1f}"
    heading = ["stage", "peak memory, GB", "holds"]
    return [heading, *rows, ["a training, on the GPU", training, "weights, AdamW, one step"]]


def _rented(found: Estimate) -> str:
    machine = found.machine
    return (
        f"To rent: {machine.gpus} {machine.gpu.name} ({machine.gpu.memory_gb} GB), {machine.cores} cores, "
        f"{machine.ram_gb:,} GB of memory, {machine.disk_gb:,} GB of disk; "
        f"{found.elapsed_hours:,.1f} hours from start to end"
    )
