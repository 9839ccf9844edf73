"""Small file systems."""

import shutil
import subprocess
from pathlib import Path

import pytest

SMALL_DISK = 256 * 1024
"""The size of the fixture `small_disk` in bytes."""


def require_mount(folder: Path) -> None:
    """Skips a test if `folder` is no file system, but has limits for single files only."""
    if not folder.is_mount():
        pytest.skip("cannot mount a small disk")


def mounted(*arguments: str) -> bool:
    """Runs `mount`; returns whether it succeeded. Most systems allow it to root only."""
    return (
        bool(shutil.which("mount"))
        and not subprocess.run(["mount", *arguments], capture_output=True).returncode
    )
