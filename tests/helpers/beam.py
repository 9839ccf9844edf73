"""Options of Beam, and a Dask cluster for it with a worker that a test can kill."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

IN_THIS_PROCESS = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]
TWO_PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


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
