"""At most one run at a time on one root of artifacts, whichever deployment started it.

A deployment's own limit holds back only runs of itself. This one is a global concurrency limit of the server,
named after the root; the slot is a lease, so that a killed run holds it 90 s at most.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists

from data.remote.addresses import RemoteAddress, is_remote

LEASE_S = 90.0  # renewed by the run as long as it lives


def limit_name(root: str) -> str:
    """Name the limit of a root; it stands in addresses, so it has no slashes.

    >>> limit_name("/srv/distill artifacts"), limit_name("s3://bucket/runs?region=eu-central-1")
    ('root-srv-distill-artifacts', 'root-s3-bucket-runs')
    """
    address = RemoteAddress.parse(root) if is_remote(root) else None
    place = f"s3://{address.bucket}/{address.prefix}" if address else str(Path(root).resolve())
    return "root-" + re.sub(r"[^A-Za-z0-9._]+", "-", place).strip("-")


@contextmanager
def alone_on(root: str) -> Generator[None]:
    """Wait until no other run works on the root, and keep others waiting for as long as the block lasts."""
    name = limit_name(root)
    # Another run may make it between our look and our write.
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.upsert_global_concurrency_limit_by_name(name, 1)
    # A server that is away for minutes must not end a training of hours: the locks of the store hold anyway.
    with concurrency(name, lease_duration=LEASE_S, strict=True, raise_on_lease_renewal_failure=False):
        yield
