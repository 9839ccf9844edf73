"""Runs one function over many items with Apache Beam, an optional package.

Beam sends the function and the items to the workers, and no results back. The function writes its
results atomically to shared storage. So nothing is lost if a runner repeats an item or a worker
dies.
"""

import contextlib
import importlib.util
import logging
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import TypeVar

from tqdm import tqdm

from petseg.core.errors import PetsegError, first_line

OPTIONS_VARIABLE = "PETSEG_BEAM_OPTIONS"
"""Beam options that belong to a machine and not in params.yaml, such as a cluster's address."""

_QUIET = ("--default_sdk_harness_log_level", "ERROR")
_ONE_MACHINE = {
    "--direct_running_mode": "multi_processing",
    "--direct_num_workers": str(os.cpu_count()),
}
_DASK = "DaskRunner"
_DASK_PARTITIONS = ("--dask_partition_size", "--dask_npartitions")
_STEP = " [while running "
"""The text that runners append to the error of a step."""
_POLLED_ITEMS_PER_SECOND = 100
"""The most items that the progress bar checks in a second, as each check is a request."""


Item = TypeVar("Item")


def require() -> None:
    """Raises PetsegError if Apache Beam is not installed."""
    if importlib.util.find_spec("apache_beam") is None:
        raise PetsegError(
            "the beam runner needs Apache Beam, which is not installed:\n"
            "  pip install 'petseg[beam]'    # in a clone: make extras"
        )


def imported() -> ModuleType:
    """Returns Apache Beam with its log limited to errors. Raises PetsegError if not installed."""
    require()
    logging.disable(logging.WARNING)  # it warns about every optional package that is missing
    try:
        beam = importlib.import_module("apache_beam")
        importlib.import_module("apache_beam.io")
    finally:
        logging.disable(logging.NOTSET)
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    return beam


def for_each(
    function: Callable[[Item], object],
    items: Iterable[Item],
    options: Sequence[str],
    *,
    what: str,
    total: int,
    finished: Callable[[], int],
) -> None:
    """Calls `function` with each item on a Beam runner.

    Args:
        function: must be picklable.
        items: must be picklable.
        options: Beam's options. Those in PETSEG_BEAM_OPTIONS are added. Without `--runner`, Beam
            uses processes on this machine.
        what: the label of the progress bar.
        total: the number of items.
        finished: returns the number of finished items, for the progress bar.

    Raises:
        PetsegError: if Beam is missing or the pipeline fails. Results of finished items remain.
    """
    items = list(items)
    if not items:
        return
    beam = imported()
    from apache_beam.options.pipeline_options import PipelineOptions

    try:
        with _progress(what, total, finished):
            pipeline = beam.Pipeline(options=PipelineOptions(_flags(options)))
            # Without the shuffle, runners would fuse both steps into one task.
            spread = pipeline | beam.Create(items) | beam.Reshuffle()
            _ = spread | what >> beam.Map(function)
            pipeline.run().wait_until_finish()
    except Exception as error:  # each runner has its own errors, with the cause as text
        raise PetsegError(f"the Beam pipeline failed: {_cause(error)}") from error


def _flags(options: Sequence[str]) -> list[str]:
    """Returns the given options, with defaults for the others."""
    flags = [*options, *shlex.split(os.environ.get(OPTIONS_VARIABLE, ""))]
    named = {flag.partition("=")[0] for flag in flags}
    if _QUIET[0] not in named:
        flags.append("=".join(_QUIET))
    if "--runner" not in named:
        flags += [f"{key}={value}" for key, value in _ONE_MACHINE.items() if key not in named]
    if any(_DASK in flag for flag in flags) and not named.intersection(_DASK_PARTITIONS):
        flags.append(f"{_DASK_PARTITIONS[0]}=1")  # else 128 items would be one task
    return flags


def _cause(error: Exception) -> str:
    """Returns the message of the function's own error, the end of a quoted traceback."""
    if isinstance(error, PetsegError):
        return str(error).partition(_STEP)[0]
    messages = re.findall(rf"^(?:[\w.]+: )?(.*){re.escape(_STEP)}", str(error), re.MULTILINE)
    return messages[-1] if messages else first_line(error)


@contextlib.contextmanager
def _progress(what: str, total: int, finished: Callable[[], int]) -> Iterator[None]:
    ended = threading.Event()
    with tqdm(total=total, desc=what, unit="block", disable=None) as bar:

        def poll() -> None:
            while not ended.wait(max(1.0, total / _POLLED_ITEMS_PER_SECOND)):
                bar.update(finished() - bar.n)

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            bar.update(finished() - bar.n)
