"""How every command of the project starts and fails: `--help`, one clear error, an exit code."""

import argparse
import sys
from collections.abc import Callable

from petseg.errors import PetsegError


def run(main: Callable[[], None], description: str) -> None:
    """Runs a stage's `main`; a PetsegError is printed as one message with exit code 1."""
    argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    try:
        main()
    except PetsegError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
