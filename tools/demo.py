"""Runs the whole pipeline on generated pets, in the folder demo/.

Needs no dataset, no weights and no internet connection. A second run skips unchanged stages. demo/
is a Git repository to which the results are committed, so that experiments and comparisons work
there.
"""

import argparse
import subprocess
import sys

import vega
from workspace import ROOT, commit, populate

from petseg.core import yaml12

DEMO = ROOT / "demo"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    overlay = yaml12.read(ROOT / "params" / "demo.yaml")
    try:
        populate(DEMO, overlay)
        vega.write(DEMO)
        subprocess.run(["dvc", "repro"], cwd=DEMO, check=True)
        commit(DEMO, "Run the pipeline on generated pets")
        subprocess.run(["dvc", "metrics", "show"], cwd=DEMO, check=True)
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(error.cmd)} ended with exit code {error.returncode}")
    print("\nThe pictures:")
    for picture in sorted((DEMO / "plots").rglob("*.png")):
        print(f"  {picture.relative_to(ROOT)}")
    print("The project, its data and its models are in the Git repository demo/. Try there:")
    for command in ("plots show", "exp run -S train_shallow.epochs=15", "metrics diff"):
        print(f"  dvc {command}")


if __name__ == "__main__":
    main()
