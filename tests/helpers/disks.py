"""Small file systems."""

import shutil
import subprocess

SMALL_DISK = 256 * 1024
"""The size of the fixture `small_disk` in bytes."""


def mounted(*arguments: str) -> bool:
    """Runs `mount`; returns whether it succeeded. Most systems allow it to root only."""
    return (
        bool(shutil.which("mount"))
        and not subprocess.run(["mount", *arguments], capture_output=True).returncode
    )
