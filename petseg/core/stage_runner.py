"""The start and end of every stage: `--help`, error messages, exit codes, run reports."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

from petseg.core import lost_results, yaml12
from petseg.core.errors import PetsegError
from petseg.core.files import write_json
from petseg.core.paths import run_report

DVC_YAML = Path("dvc.yaml")

_STOPPED = "\nstopped; run the same command again to go on"


def run(main: Callable[[], dict[str, Any] | None], stage: str) -> None:
    """Runs a stage's `main`, and exits with one message if it fails or is stopped.

    Writes the run report: seconds, peak memory and the dict that `main` returns. Writes none if
    `main` returns None. The report is not an out of the stage, as it differs in every run.
    """
    start = time.perf_counter()
    try:
        with report_errors():
            report = main()
            if report is not None:
                took = {
                    "seconds": time.perf_counter() - start,
                    "peak_memory_mib": _peak_memory_mib(),
                }
                write_json(run_report(stage), took | report)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        # sys.exit would wait for every thread, for example a download of hours.
        os._exit(int(end.code or 0))


def running_stage() -> str | None:
    """Returns NAME if the process was started by `python -m stages.NAME`, else None."""
    for option, module in pairwise(sys.orig_argv):
        if option == "-m" and module.startswith("stages."):
            return module.removeprefix("stages.")
    return None


def parse_arguments(stage: str, description: str) -> None:
    """Prints `description` for `--help`. Exits with code 2 for any other argument."""
    argparse.ArgumentParser(
        prog=f"python -m stages.{stage}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()


def require_inputs(stage: str) -> None:
    """Raises PetsegError if a dep of the stage in dvc.yaml is missing."""
    if not DVC_YAML.is_file():
        return
    declared = yaml12.read(DVC_YAML)["stages"][stage]
    missing = [
        dep for dep in declared.get("deps", ()) if "${" not in dep and not Path(dep).exists()
    ]  # load_dataset checks deps with parameters, and has a better message
    if missing:
        raise PetsegError(f"{', '.join(missing)} missing; run: dvc repro {stage}")


@contextmanager
def report_errors() -> Iterator[None]:
    """Exits with a message if the block fails: code 1 for PetsegError, 130 for Ctrl-C.

    If DVC started the stage, the message says how to restore the results that DVC removed.
    """
    try:
        yield
    except PetsegError as error:
        _print_with_way_back(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _print_with_way_back(_STOPPED)
        sys.exit(130)
    except Exception:  # a bug: the traceback follows
        _print_with_way_back("")
        raise


def report_ctrl_c() -> None:
    """Makes an uncaught Ctrl-C, for example during imports, end without a traceback."""

    def report(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print(_STOPPED, file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, traceback)

    sys.excepthook = report


def _print_with_way_back(message: str) -> None:
    lines = [text for text in (message, lost_results.way_back()) if text]
    if lines:
        print("\n".join(lines), file=sys.stderr)


def _peak_memory_mib() -> float | None:
    """Returns the peak memory of the process in MiB, or None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
