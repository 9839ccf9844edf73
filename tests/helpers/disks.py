"""A file system that is soon full."""

import shutil
import subprocess

SMALL_DISK = 256 * 1024
"""Bytes that the fixture `small_disk` holds."""


def mounted(*arguments: str) -> bool:
    """Whether `mount` did what it was asked to do; most often, only root in Linux may ask."""
    return (
        bool(shutil.which("mount"))
        and not subprocess.run(["mount", *arguments], capture_output=True).returncode
    )
