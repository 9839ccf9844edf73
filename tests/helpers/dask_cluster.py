"""A Dask cluster of two workers, on which Beam runs, and of which one is killed in the middle."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def two_workers() -> Iterator[tuple[str, Callable[[], None]]]:
    """Beam's options for the cluster, and what kills one of its workers."""
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
