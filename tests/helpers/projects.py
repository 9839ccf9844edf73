"""Commands in throw-away Git and DVC projects, untouched by the settings of whoever runs them."""

import os
import subprocess
import sys
from pathlib import Path

SETTINGS = {
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "DVC_NO_ANALYTICS": "1",
}
UNWANTED = ("PETSEG_OFFLINE_DIR", "PYTHONPATH")


def environment(folder: Path) -> dict[str, str]:
    """The environment of a command in `folder`.

    `dvc` and `python` are those that belong to the Python of the tests.
    """
    variables = os.environ | SETTINGS
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables["PETSEG_CACHE_DIR"] = str(folder.parent / "cache")
    return {name: value for name, value in variables.items() if name not in UNWANTED}


def run(folder: Path, *command: str) -> str:
    """What a command prints in `folder`; fails the test, with all it said, where it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def fails(folder: Path, *command: str) -> str:
    """What a command that must fail says in `folder`."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, f"{' '.join(command)} did not fail:\n{said}"
    return said


def commit(folder: Path, message: str) -> None:
    """Commits everything that Git does not ignore."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)
