import os
import signal

import pytest

pytest.importorskip("distributed", reason="pip install '.[dask]'")


def test_workers_have_variables_of_their_own_and_one_that_dies_is_replaced():
    from distributed import Client

    from flows.dask_cluster import local_cluster

    with local_cluster([{"SHARE": "a"}, {"SHARE": "b"}]) as cluster, Client(cluster) as client:
        client.wait_for_workers(2, timeout=120)
        assert sorted(client.run(os.getenv, "SHARE").values()) == ["a", "b"]
        before = client.run(os.getpid)
        os.kill(next(iter(before.values())), signal.SIGKILL)
        assert client.submit(os.getenv, "SHARE", pure=False).result(timeout=120) in {"a", "b"}
