"""Python code in a process of its own, where nothing is imported yet."""

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT


def run_code(code: str, folder: Path) -> subprocess.CompletedProcess:
    """Runs `code` in `folder`, from which this checkout can be imported; text comes out."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
