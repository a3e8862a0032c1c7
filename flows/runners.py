"""Who does the pieces of a stage's work: this process, or the workers of a Dask or Ray cluster.

The engine is Prefect's runner for it (``flows.prefect_mapper``). Which one is chosen changes no address and
no byte of an artifact.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Literal

from pydantic import Field, PositiveInt

from data.errors import ConfigError
from data.spreading import spread_by
from models.settings import Settings, runtime

RunnerKind = Literal["local", "dask", "ray"]
PACKAGES = {"dask": "prefect_dask", "ray": "prefect_ray"}


class RunnerConfig(Settings):
    """Where scoring, encoding and mining run. No part of any address."""

    kind: RunnerKind = runtime("local", "local: in the process of the run, one piece after the other.")
    workers: PositiveInt | None = runtime(
        None, "Processes of a cluster of its own; None: one per GPU, and without GPUs two."
    )
    address: str | None = Field(
        default=None,
        json_schema_extra={"cache": False},
        description="Of a cluster that is there: tcp://host:8786 (dask), ray://host:10001. "
        "It must see the same artifacts folder.",
    )


def spreading(config: RunnerConfig) -> AbstractContextManager[None]:
    """Let the runner do the pieces of all stages in the block, which is part of a run of a Prefect flow.

    Raises:
        ConfigError: its packages are not installed.
    """
    if config.kind == "local":
        return nullcontext()
    if find_spec(PACKAGES[config.kind]) is None:
        raise ConfigError(
            where="runner.kind",
            found=f"{config.kind!r}, without the package {PACKAGES[config.kind].replace('_', '-')}",
            expected="it installed",
            advice=f"Run: pip install -c constraints.txt -e '.[{config.kind}]'",
        )
    from flows.prefect_mapper import PrefectMapper

    return spread_by(PrefectMapper(config))


def environments(workers: int, gpus: int, cores: int | None = None) -> list[dict[str, str]]:
    """Variables of each worker of a cluster on this machine: a share of the cores, and one of the GPUs.

    >>> environments(2, gpus=2, cores=8)[1]
    {'OMP_NUM_THREADS': '4', 'MKL_NUM_THREADS': '4', 'CUDA_VISIBLE_DEVICES': '1'}
    >>> environments(3, gpus=0, cores=2)[0]
    {'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
    """
    threads = str(max(1, (cores or os.cpu_count() or 1) // workers))
    shared = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(number) for number in range(gpus)]
    return [
        {**shared, "CUDA_VISIBLE_DEVICES": names[worker % gpus]} if gpus else dict(shared)
        for worker in range(workers)
    ]
