"""Pieces of a stage as tasks of a Prefect flow run, on Prefect's Dask or Ray runner.

Each stage that spreads its work is one flow run below the stage's own task, with a task per bundle of pieces.
The cluster, unless one is given, lives as long as that flow run: its memory is free when the next stage
trains. A worker that dies takes its open piece with it; the engine gives that piece to another worker.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import TaskRunner

from data.errors import PipelineError
from data.progress import meter
from data.spreading import Work
from flows.runners import RunnerConfig, environments

if TYPE_CHECKING:
    from distributed import SpecCluster

PieceT = TypeVar("PieceT")
DoneT = TypeVar("DoneT")
# Beyond some hundreds of task runs a flow run, Prefect's server falls behind.
BUNDLES = 200
WORKERS = 2


class Refused(PipelineError):  # noqa: N818  (what happened to the piece)
    """Carries an error that was raised on purpose across processes, by its class and message."""

    def again(self) -> PipelineError:
        """The error as it was raised; its class may take other arguments than a message."""
        kind, message = self.args
        return kind.__new__(kind, message)


class Bundle:
    """Pieces that one task does. Prefect looks into tuples and dataclasses, but not into this."""

    def __init__(self, work: Work[Any, Any], pieces: Sequence[Any], first: Any) -> None:  # noqa: ANN401
        self.work, self.pieces, self.first = work, pieces, first


@task(name="pieces", cache_policy=NO_CACHE, persist_result=False)
def do_pieces(bundle: Bundle) -> list[Any]:
    """Do some pieces, and give what each gives.

    Raises:
        Refused: a piece raised an error on purpose.
    """
    try:
        return [bundle.work(piece, bundle.first) for piece in bundle.pieces]
    except PipelineError as error:
        raise Refused(type(error), str(error)) from error


class PrefectMapper:
    """A ``data.spreading.Mapper`` over the workers of a cluster."""

    def __init__(self, config: RunnerConfig) -> None:
        self.config = config

    def __call__(self, work: Work[PieceT, DoneT], pieces: Sequence[PieceT], what: str) -> list[DoneT]:
        """Do all pieces, the first one alone."""
        done: list[DoneT] = []
        if not pieces:
            return done
        size = math.ceil(len(pieces) / BUNDLES)
        bundles = [pieces[start : start + size] for start in range(1, len(pieces), size)]

        def spread() -> None:
            with meter(what, "piece", len(pieces)) as bar, self._resources():

                def collect(future: Any) -> None:  # noqa: ANN401  (each runner has its own)
                    given = future.result()
                    done.extend(given)
                    bar.update(len(given))

                collect(do_pieces.submit(Bundle(work, pieces[:1], None)))
                futures = [do_pieces.submit(Bundle(work, some, done[0])) for some in bundles]
                for future in futures:
                    collect(future)

        try:
            flow(name="spread", flow_run_name=what, task_runner=self.runner(), persist_result=False)(spread)()
        except Refused as refused:
            raise refused.again() from refused
        return done

    def runner(self) -> TaskRunner[Any]:
        """Make Prefect's runner; its cluster starts with the first task."""
        address, gpus = self.config.address, _gpus()
        workers = self.config.workers or gpus or WORKERS
        if self.config.kind == "ray":
            options = {
                "num_cpus": workers,
                "num_gpus": gpus,
                "include_dashboard": False,
                "log_to_driver": False,
            }
            # An extra that need not be installed: the type checker must not look for it.
            ray: Any = import_module("prefect_ray")
            return ray.RayTaskRunner(address=address, init_kwargs={} if address else options)
        from prefect_dask.task_runners import DaskTaskRunner

        if address:
            return DaskTaskRunner(address=address)
        from flows.dask_cluster import local_cluster

        def cluster() -> "SpecCluster":
            return local_cluster(environments(workers, gpus))

        return DaskTaskRunner(cluster_class=cluster)

    def _resources(self) -> AbstractContextManager[object]:
        """What a task asks of Ray: a share of the cores, and a GPU where there is one."""
        if self.config.kind != "ray":
            return nullcontext()
        context: Any = import_module("prefect_ray.context")
        return context.remote_options(num_cpus=1, num_gpus=1 if _gpus() else 0)


def _gpus() -> int:
    from models.hardware import has_gpu

    if not has_gpu():
        return 0
    import torch

    return torch.cuda.device_count()
