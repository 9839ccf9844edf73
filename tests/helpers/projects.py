"""Temporary Git and DVC projects, on which the user's own settings have no effect."""

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
REMOVED = ("PETSEG_OFFLINE_DIR", "PYTHONPATH")


def environment(folder: Path) -> dict[str, str]:
    """Returns the environment for a command in `folder`.

    `dvc` and `python` are those of the Python that runs the tests.
    """
    variables = os.environ | SETTINGS
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables["PETSEG_CACHE_DIR"] = str(folder.parent / "cache")
    return {name: value for name, value in variables.items() if name not in REMOVED}


def run(folder: Path, *command: str) -> str:
    """Runs a command that must succeed in `folder`; returns what it prints."""
    done = _completed(folder, command)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def fails(folder: Path, *command: str) -> str:
    """Runs a command that must fail in `folder`; returns what it prints to both streams."""
    done = _completed(folder, command)
    output = done.stdout + done.stderr
    assert done.returncode != 0, f"{' '.join(command)} did not fail:\n{output}"
    return output


def _completed(folder: Path, command: tuple[str, ...]) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True
    )


def new_project(repository: Path, subfolder: str | None = None) -> None:
    """Makes an empty folder a Git repository and a DVC project, without a commit.

    With `subfolder`, the DVC project is that subfolder.
    """
    run(repository, "git", "init", "--quiet", "--initial-branch=main")
    if subfolder is None:
        run(repository, "dvc", "init", "--quiet")
    else:
        run(repository / subfolder, "dvc", "init", "--quiet", "--subdir")


def commit(folder: Path, message: str) -> None:
    """Commits everything that Git does not ignore."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)
