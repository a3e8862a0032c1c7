"""What a run would take on a collection of any size: pairs, hours, disk, memory, and a machine that has them.

Formulas only: nothing is opened but manifests, and no model is loaded. The parts lie in ``flows/estimating``:
``counts`` (pairs), ``model_shapes`` (FLOPs of a token), ``work`` (what each stage computes), ``disk``,
``memory``, ``rates`` (this machine, measured), ``hardware`` (GPUs, assumed) and ``machine`` (what to rent).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from data.errors import ConfigError
from flows.config import PipelineConfig
from flows.estimating import counts, disk, memory
from flows.estimating.collection_size import CollectionSize
from flows.estimating.hardware import GPUS, UTILISATION, Gpu
from flows.estimating.machine import HOUR_S, Machine, core_hours, elapsed_hours, gpu_hours, machine_for
from flows.estimating.rates import UNKNOWN, Rates
from flows.estimating.work import Work, works


@dataclass(frozen=True)
class StageCost:
    """One line: all that a stage computes for one ``of``."""

    stage: str
    of: str
    items: int
    unit: str
    tokens: float
    flops: float
    gpu_hours: float
    core_hours: float
    here_hours: float | None  # on this machine; None where no rate is known


@dataclass(frozen=True)
class Estimate:
    """All quantities, with what they were made from."""

    size: CollectionSize
    pairs: tuple[counts.Pairs, ...]
    works: tuple[Work, ...]
    tables: tuple[disk.Table, ...]
    peaks: tuple[memory.Peak, ...]
    gpu_memory_bytes: float
    rates: Rates
    utilisation: float
    machine: Machine

    @cached_property
    def stages(self) -> list[StageCost]:
        """Works, one line for each (stage, of)."""
        grouped = groupby(self.works, key=lambda work: (work.stage, work.of))
        return [self._stage(stage, of, list(some)) for (stage, of), some in grouped]

    def _stage(self, stage: str, of: str, some: Sequence[Work]) -> StageCost:
        seconds = [self.rates.seconds(work.sort, work.amount) for work in some]
        told = [each for each in seconds if each is not None]
        return StageCost(
            stage=stage,
            of=of,
            items=some[0].items,
            unit=some[0].unit,
            tokens=sum(work.tokens for work in some),
            flops=sum(work.amount for work in some if work.sort in ("reading", "training", "vectors")),
            gpu_hours=sum(gpu_hours(work, self.machine.gpu, self.utilisation) for work in some),
            core_hours=sum(map(core_hours, some)),
            here_hours=sum(told) / HOUR_S if len(told) == len(seconds) else None,
        )

    @property
    def disk_bytes(self) -> float:
        """All tables and models."""
        return sum(table.disk_bytes for table in self.tables)

    @property
    def peak_bytes(self) -> float:
        """The largest peak of memory."""
        return max(peak.peak_bytes for peak in self.peaks)

    @property
    def elapsed_hours(self) -> float:
        """From start to end on the machine to rent."""
        return elapsed_hours(self.works, self.machine, self.utilisation)

    def gpu_hours_on(self, gpu: Gpu) -> float:
        """Hours that one GPU of this kind works."""
        return sum(gpu_hours(work, gpu, self.utilisation) for work in self.works)

    def told(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; what is unknown is null."""
        return {
            "collection": asdict(self.size),
            "pairs": [asdict(each) for each in self.pairs],
            "stages": [asdict(each) for each in self.stages],
            "tables": [{**asdict(each), "disk_bytes": each.disk_bytes} for each in self.tables],
            "peaks": [asdict(each) for each in self.peaks],
            "disk_bytes": self.disk_bytes,
            "peak_bytes": self.peak_bytes,
            "gpu_memory_bytes": self.gpu_memory_bytes,
            "gpu_hours": {gpu.name: self.gpu_hours_on(gpu) for gpu in GPUS},
            "elapsed_hours": self.elapsed_hours,
            "machine": asdict(self.machine),
            "rates": self.rates.model_dump(),
            "utilisation": self.utilisation,
        }


def estimate(  # noqa: PLR0913
    config: PipelineConfig,
    size: CollectionSize,
    *,
    rates: Rates = UNKNOWN,
    measured: Mapping[str, disk.Measured] | None = None,
    utilisation: float = UTILISATION,
    gpu: Gpu | None = None,
) -> Estimate:
    """Apply every formula.

    Args:
        config: the run.
        size: its collection.
        rates: of this machine.
        measured: bytes of rows as the store holds them; others have their schema's width.
        utilisation: share of a GPU's peak that is assumed to be reached.
        gpu: the one to rent; None: the smallest that suffices.

    Raises:
        ConfigError: the shape of a model is not known, a share is none, or no GPU is large enough.
    """
    if not 0 < utilisation <= 1:
        raise ConfigError(
            where="--utilisation",
            found=f"{utilisation:g}",
            expected="a share above 0, at most 1",
            advice=f"Leave it out for {UTILISATION:g}.",
        )
    computed = tuple(works(config, size))
    written = tuple(disk.tables(config, size, measured))
    held = tuple(memory.peaks(config, size))
    gpu_memory = memory.gpu_bytes(config, size)
    return Estimate(
        size=size,
        pairs=tuple(counts.pairs_of(config, size, teacher) for teacher in config.teachers),
        works=computed,
        tables=written,
        peaks=held,
        gpu_memory_bytes=gpu_memory,
        rates=rates,
        utilisation=utilisation,
        machine=machine_for(
            computed,
            gpu_memory_bytes=gpu_memory,
            peak_bytes=max(peak.peak_bytes for peak in held),
            disk_bytes=sum(table.disk_bytes for table in written),
            utilisation=utilisation,
            gpu=gpu,
        ),
    )
