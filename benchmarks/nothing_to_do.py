"""Seconds of a `dvc repro` that has nothing to do: our pipeline, or one without any stage."""

import argparse
import subprocess
import tempfile
import time

from benchmarks import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", choices=("empty", "ours"))
    if parser.parse_args().pipeline == "ours":
        measure.report(_seconds("."))
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        subprocess.run(["dvc", "init", "--quiet"], cwd=folder, check=True)
        with open(f"{folder}/dvc.yaml", "w") as stream:
            stream.write("stages: {}\n")
        measure.report(_seconds(folder))


def _seconds(folder: str) -> float:
    """The second of two runs: the first one may have work to do."""
    for _ in range(2):
        start = time.perf_counter()
        subprocess.run(["dvc", "repro", "--quiet"], cwd=folder, check=True)
        seconds = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
