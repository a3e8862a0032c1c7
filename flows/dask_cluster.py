"""A Dask cluster on this machine: worker processes with variables of their own."""

import logging
from collections.abc import Sequence
from typing import Any

from distributed import Nanny, Scheduler, SpecCluster

HOST = "127.0.0.1"


def local_cluster(environments: Sequence[dict[str, str]]) -> SpecCluster:
    """Start a worker process per entry of ``environments``; each does one piece at a time.

    Dask's own ``LocalCluster`` gives all workers the same variables, and one GPU with them. A process that
    dies is started again.
    """
    # Dask would end a worker whose model needs more than its share of the memory.
    common: dict[str, Any] = {"host": HOST, "nthreads": 1, "memory_limit": 0, "dashboard": False}
    workers = {
        number: {"cls": Nanny, "options": {**common, "env": environment}}
        for number, environment in enumerate(environments)
    }
    # Port 0: any that is free, also for the page that Dask cannot be kept from serving.
    served = {"host": HOST, "port": 0, "dashboard": False, "dashboard_address": f"{HOST}:0"}
    quiet: dict[str, Any] = {"silence_logs": logging.ERROR}  # a worker that ends is no news
    scheduler = {"cls": Scheduler, "options": served}
    return SpecCluster(workers=workers, scheduler=scheduler, name="distill", **quiet)
