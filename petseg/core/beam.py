"""Work on many machines by Apache Beam, an optional package: one function over many items.

Items and function travel; results do not. The function writes them to files that all machines see,
each of them whole, so that nothing is lost where a runner repeats an item or a worker dies.
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
"""Options that name a cluster, which belong to a machine and not to the parameters."""

_QUIET = ("--default_sdk_harness_log_level", "ERROR")
_ONE_MACHINE = {
    "--direct_running_mode": "multi_processing",
    "--direct_num_workers": str(os.cpu_count()),
}
_DASK = "DaskRunner"
_DASK_PARTITIONS = ("--dask_partition_size", "--dask_npartitions")
_STEP = " [while running "
"""What runners append to an error of a step."""
_LOOKS_A_SECOND = 100
"""Items, at most, of which is asked in a second whether they are finished: a bucket counts them."""


Item = TypeVar("Item")


def require() -> None:
    """PetsegError where Apache Beam is not installed."""
    if importlib.util.find_spec("apache_beam") is None:
        raise PetsegError(
            "the beam runner needs Apache Beam, which is not installed:\n"
            "  pip install 'petseg[beam]'    # in a clone: make extras"
        )


def imported() -> ModuleType:
    """Apache Beam, without its remarks; PetsegError where it is not installed."""
    require()
    logging.disable(logging.WARNING)  # it tells of every package that it could have used
    try:
        import apache_beam
        import apache_beam.io
    finally:
        logging.disable(logging.NOTSET)
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    return apache_beam


def for_each(
    function: Callable[[Item], object],
    items: Iterable[Item],
    options: Sequence[str],
    *,
    what: str,
    total: int,
    finished: Callable[[], int],
) -> None:
    """Calls `function`, which can be pickled, with each item, on the runner that the options name.

    `options` are Beam's; those in PETSEG_BEAM_OPTIONS are added. Without a runner: processes on
    this machine. A progress bar `what` shows how many of `total` items are `finished`. PetsegError
    where Beam is missing, or where the pipeline fails; what its items had finished stays.
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
    except Exception as error:  # runners have errors of their own, in which the cause is a text
        raise PetsegError(f"the Beam pipeline failed: {_cause(error)}") from error


def _flags(options: Sequence[str]) -> list[str]:
    """The options that are given, and defaults for what they leave open."""
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
    """What the function said: of a traceback that the runner quotes, the end."""
    if isinstance(error, PetsegError):
        return str(error).partition(_STEP)[0]
    said = re.findall(rf"^(?:[\w.]+: )?(.*){re.escape(_STEP)}", str(error), re.MULTILINE)
    return said[-1] if said else first_line(error)


@contextlib.contextmanager
def _progress(what: str, total: int, finished: Callable[[], int]) -> Iterator[None]:
    ended = threading.Event()
    with tqdm(total=total, desc=what, unit="block", disable=None) as bar:

        def look() -> None:
            while not ended.wait(max(1.0, total / _LOOKS_A_SECOND)):
                bar.update(finished() - bar.n)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            bar.update(finished() - bar.n)
