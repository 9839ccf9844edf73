"""How every stage starts and ends: `--help`, one clear error, an exit code, and what it cost."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from petseg.errors import PetsegError
from petseg.files import write_json


def run(main: Callable[[], dict | None], description: str, cost_path: Path) -> None:
    """Runs a stage's `main`; a PetsegError is printed as one message with exit code 1.

    Seconds, peak memory and what `main` returns are written to `cost_path`, apart from everything
    that is compared: they are never the same twice.
    """
    argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    start = time.perf_counter()
    try:
        details = main() or {}
    except PetsegError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    cost = {"seconds": time.perf_counter() - start, "peak_memory_mib": _peak_memory_mib()}
    write_json(cost_path, cost | details)


def _peak_memory_mib() -> float | None:
    """The most memory that this process held so far, in MiB; None where no one tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
