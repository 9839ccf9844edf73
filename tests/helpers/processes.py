"""Python processes of their own, where nothing is imported yet."""

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT


def environment(without: str | None = None, **variables: str) -> dict[str, str]:
    """Returns the environment for a process that imports this checkout.

    Leaves out the variables whose names begin with `without`.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if without is None or not name.startswith(without)
    }
    return kept | {"PYTHONPATH": str(ROOT)} | variables


def run_python(
    *arguments: object, folder: Path = ROOT, without: str | None = None, **variables: str
) -> subprocess.CompletedProcess:
    """Runs Python with `arguments` in `folder`, in this `environment`; its output is text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(without, **variables),
        capture_output=True,
        text=True,
        timeout=300,
    )
