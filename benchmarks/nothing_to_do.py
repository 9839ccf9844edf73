"""Seconds of a `dvc repro` that has nothing to do: our pipeline, in demo/, or an empty one."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure

DEMO = Path("demo")
"""Where `make demo` has run all stages, so that nothing of the real run is started here."""


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
        with open(f"{folder}/dvc.yaml", "w") as stream:
            stream.write("stages: {}\n")
        measure.report(_seconds(folder))


def require_demo() -> None:
    """Ends with a message where `make demo` has not been run to its end."""
    if not (DEMO / "dvc.lock").is_file() or not list((DEMO / "plots").glob("*.png")):
        sys.exit("error: a pipeline that has nothing to do is needed; run this first: make demo")


def _seconds(folder: str | Path) -> float:
    command = ["dvc", "repro", "--quiet"]
    return measure.second_run(lambda: subprocess.run(command, cwd=folder, check=True))


if __name__ == "__main__":
    main()
