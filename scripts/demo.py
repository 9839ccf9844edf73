"""Runs the whole pipeline on generated pets, in the folder demo/.

Needs no dataset, no weights and no network. A second run skips what did not change.
"""

import argparse
import subprocess
import sys

from workspace import ROOT, populate

from petseg import yaml12

DEMO = ROOT / "demo"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    overlay = yaml12.read(ROOT / "params" / "demo.yaml")
    try:
        populate(DEMO, overlay)
        for command in (["dvc", "repro"], ["dvc", "metrics", "show"]):
            subprocess.run(command, cwd=DEMO, check=True)
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(error.cmd)} ended with exit code {error.returncode}")
    print("\nThe pictures:")
    for picture in sorted((DEMO / "plots").glob("*.png")):
        print(f"  {picture.relative_to(ROOT)}")
    print("The project with its data and models: demo/ (dvc plots show there draws charts)")


if __name__ == "__main__":
    main()
