"""Time until our network reaches the quality of the tutorial's recipe, on the real dataset.

    dvc repro preprocess && python -m benchmarks.time_to_quality

Trains the tutorial's recipe to its end; its mean IoU on the validation split is the goal. Then
trains ours, as set in params.yaml, until an epoch reaches the goal. The tutorial's clock covers
training only. Ours starts with the process, and includes imports, checks of the records and
validation after every epoch. Prints a table, and writes it to benchmarks/time_to_quality.json.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks import ENVIRONMENT, training
from petseg.core import paths, stage_runner
from petseg.core.errors import PetsegError
from petseg.core.files import write_json

RESULTS = Path("benchmarks") / "time_to_quality.json"
THEIRS = (sys.executable, "-m", "benchmarks.theirs", "on_records")
OURS = (sys.executable, "-m", "benchmarks.time_to_quality", "--ours")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ours", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    folder = parser.parse_args().ours
    with stage_runner.report_errors():
        if folder:
            train_ours(folder)
        else:
            compare()


def compare() -> None:
    """Runs both, each in a separate process, and prints their times."""
    training.require_records()
    theirs = training.printed(THEIRS)
    with tempfile.TemporaryDirectory() as folder:
        ours = until_reached([*OURS, folder], training.curve(Path(folder)), theirs["val_mean_iou"])
    ratio = theirs["seconds"] / ours["seconds"]
    write_json(RESULTS, {"theirs": theirs, "ours": ours, "ratio": ratio})
    print("| | epochs | seconds | validation mean IoU |\n| --- | ---: | ---: | ---: |")
    for name, found in (("the tutorial's recipe", theirs), ("ours, until as good", ours)):
        cells = f"{found['epochs']} | {found['seconds']:.0f} | {found['val_mean_iou']:.4f}"
        print(f"| {name} | {cells} |")
    print(f"\nratio: {ratio:.2f}; the same as JSON: {RESULTS}")


def until_reached(command: list[str], curve: Path, goal: float) -> dict:
    """Runs a training until a row of its learning curve reaches `goal`, then stops it.

    The clock starts with the process. Raises PetsegError if the training ends before.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            time.sleep(0.1)
            rows = pd.read_csv(curve).to_dict("records") if curve.exists() else []
            if rows and rows[-1]["val_mean_iou"] >= goal:
                seconds = time.perf_counter() - start
                return {
                    "epochs": rows[-1]["epoch"],
                    "seconds": seconds,
                    "val_mean_iou": rows[-1]["val_mean_iou"],
                }
    finally:
        process.kill()
        process.wait()
    raise PetsegError(f"training ended without a validation mean IoU of {goal:.4f}")


def train_ours(folder: Path) -> None:
    """Trains our U-Net on the records, as set in params.yaml; writes everything to `folder`."""
    from petseg.core.params import load_params
    from petseg.models.encoders import storage

    weights = storage.stored_encoder(paths.ENCODER)
    training.train_unet(load_params().train_unet, paths.RECORDS, weights, folder)


if __name__ == "__main__":
    main()
