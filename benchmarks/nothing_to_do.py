"""Seconds of a `dvc repro` without changes: our pipeline, in demo/, or an empty one."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure

DEMO = Path("demo")
"""Where `make demo` has run all stages, so that no stage of the real project runs here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", choices=("empty", "ours"))
    if parser.parse_args().pipeline == "ours":
        require_demo()
        measure.report(_seconds(DEMO))
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        subprocess.run(["dvc", "init", "--quiet"], cwd=folder, check=True)
        shutil.copy(".dvc/config", f"{folder}/.dvc/config")
        with open(f"{folder}/dvc.yaml", "w", encoding="utf-8") as stream:
            stream.write("stages: {}\n")
        measure.report(_seconds(folder))


def require_demo() -> None:
    """Exits with a message if `make demo` was not completed."""
    if not (DEMO / "dvc.lock").is_file() or not list((DEMO / "plots").glob("*.png")):
        sys.exit("error: this needs a completed pipeline in demo/; run first: make demo")


def _seconds(folder: str | Path) -> float:
    command = ["dvc", "repro", "--quiet"]
    return measure.second_run(lambda: subprocess.run(command, cwd=folder, check=True))


if __name__ == "__main__":
    main()
