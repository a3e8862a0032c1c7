"""The machine one would rent: the smallest that holds the peaks and is done in time.

GPU      the first of the table that has 1.25 · the memory needed and takes at most 24 hours; else the fastest
GPUs     1; more only where scoring alone takes over 24 hours, for scoring is what processes share
cores    the first of 8, 16, 32, 64, 96 that search all vectors in 12 hours; else 96
RAM      the first of 32, 64, … 2048 GB that is 1.25 · the largest peak
disk     the first of 100, 250, 500, 1000, … GB that is twice the tables, for drafts and earlier runs
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import ConfigError
from flows.estimating.hardware import BM25_VISITS_PER_CORE_S, FLAT_FLOPS_PER_CORE_S, GPUS, STEP_S, Gpu
from flows.estimating.work import Work

HOUR_S = 3600
GB = 1e9
SPARE = 1.25
DISK_SPARE = 2.0
GPU_HOURS, SEARCH_HOURS = 24.0, 12.0
CORES = (8, 16, 32, 64, 96)
RAM_GB = (32, 64, 128, 256, 512, 1024, 2048)
DISK_GB = (100, 250, 500, 1000, 2000, 4000, 8000, 16000)


@dataclass(frozen=True)
class Machine:
    """What to rent."""

    gpu: Gpu
    gpus: int
    cores: int
    ram_gb: int
    disk_gb: int


def gpu_hours(work: Work, gpu: Gpu, utilisation: float) -> float:
    """Hours of one GPU; 0 for a search, which the processor does."""
    if work.sort == "writing":
        return work.amount * STEP_S / HOUR_S
    if work.sort in ("reading", "training"):
        return work.amount / gpu.flops_per_s(utilisation) / HOUR_S
    return 0.0


def core_hours(work: Work) -> float:
    """Hours of one core; 0 for what a GPU does."""
    rates = {"vectors": FLAT_FLOPS_PER_CORE_S, "words": BM25_VISITS_PER_CORE_S}
    return work.amount / rates[work.sort] / HOUR_S if work.sort in rates else 0.0


def machine_for(  # noqa: PLR0913
    works: Sequence[Work],
    *,
    gpu_memory_bytes: float,
    peak_bytes: float,
    disk_bytes: float,
    utilisation: float,
    gpu: Gpu | None = None,
) -> Machine:
    """Choose by the rule above; ``gpu`` is taken as it is, if one is given.

    Raises:
        ConfigError: the GPU that is asked for is too small, or none holds the training.
    """
    wanted_gb = SPARE * gpu_memory_bytes / GB
    fitting = [each for each in ((gpu,) if gpu else GPUS) if each.memory_gb >= wanted_gb]
    if not fitting:
        raise ConfigError(
            where=f"--gpu {gpu.name}" if gpu else "GPU",
            found=f"at most {max(each.memory_gb for each in ((gpu,) if gpu else GPUS))} GB",
            expected=f"{wanted_gb:.0f} GB, for a training holds {gpu_memory_bytes / GB:.0f}",
            advice="Choose a larger one, or lower training.batch_size.",
        )

    def hours(each: Gpu, stage: str = "") -> float:
        return sum(gpu_hours(work, each, utilisation) for work in works if stage in ("", work.stage))

    fast = sorted(fitting, key=lambda each: each.peak_tflops)
    chosen = next((each for each in fast if hours(each) <= GPU_HOURS), fast[-1])
    vectors = sum(core_hours(work) for work in works if work.sort == "vectors")
    return Machine(
        gpu=chosen,
        gpus=max(1, math.ceil(hours(chosen, "score_candidates") / GPU_HOURS)),
        cores=_first(CORES, vectors / SEARCH_HOURS),
        ram_gb=_first(RAM_GB, SPARE * peak_bytes / GB),
        disk_gb=_first(DISK_GB, DISK_SPARE * disk_bytes / GB),
    )


def elapsed_hours(works: Sequence[Work], machine: Machine, utilisation: float) -> float:
    """Hours from start to end, stage after stage; FAISS uses all cores, bm25s one, scoring all GPUs."""
    hours = 0.0
    for work in works:
        share = machine.gpus if work.stage == "score_candidates" else 1
        hours += gpu_hours(work, machine.gpu, utilisation) / share
        hours += core_hours(work) / (machine.cores if work.sort == "vectors" else 1)
    return hours


def _first(sizes: Sequence[int], needed: float) -> int:
    """The first that suffices; the last where none does, which the table of peaks shows.

    >>> _first(CORES, 9.5)
    16
    """
    return next((size for size in sizes if size >= needed), sizes[-1])
