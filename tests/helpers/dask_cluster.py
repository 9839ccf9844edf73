"""A Dask cluster for Beam, with a worker that a test can kill."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def two_workers() -> Iterator[tuple[str, Callable[[], None]]]:
    """Starts a cluster; yields the options for Beam, and a function that kills one worker."""
    distributed = pytest.importorskip("dask.distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:

        def kill_one() -> None:
            os.kill(next(iter(cluster.workers.values())).process.pid, signal.SIGKILL)

        yield (
            "--runner=apache_beam.runners.dask.dask_runner.DaskRunner "
            f"--dask_client_address={cluster.scheduler_address}",
            kill_one,
        )
