"""Images per second of our training, as set in params.yaml, on generated pets.

Measures the second epoch, because the first one builds the graph.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ENVIRONMENT, measure, pets
from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.core.params import LEVELS, load_params

if TYPE_CHECKING:
    from petseg.core.params import TrainUnet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_fine_tune_from(parser)
    parser.add_argument(
        "--precision", choices=("auto", "float32", "mixed_bfloat16"), help="default: auto"
    )
    measure.add_images_option(parser)
    options = parser.parse_args()
    params = changed(fine_tune_from=options.fine_tune_from, precision=options.precision or "auto")
    measure.report(images_per_second(params, options.images))


def add_fine_tune_from(parser: argparse.ArgumentParser) -> None:
    """Adds the option for the first encoder level that trains."""
    parser.add_argument(
        "--fine-tune-from",
        choices=("frozen", "stem", *LEVELS),
        metavar="LEVEL",
        help="frozen, stem, or level_1 to level_5; default: that of params.yaml",
    )


def changed(**changes) -> TrainUnet:
    """Returns the section train_unet of params.yaml with changes; None keeps a value."""
    given = {key: value for key, value in changes.items() if value is not None}
    return load_params().train_unet.model_copy(update=given)


def images_per_second(params: TrainUnet, images: int) -> float:
    """Trains the U-Net for two epochs of `images` generated pets; returns the second one's rate."""
    params = params.model_copy(update={"epochs": 2, "final_epochs_without_geometry": 0})
    with tempfile.TemporaryDirectory() as folder:
        records_folder = pets.as_records(images)
        report = train_unet(params, records_folder, pets.encoder_weights(), Path(folder))
    return report["epochs"][-1]["images_per_second"]


def train_unet(params: TrainUnet, records_folder: Path, weights: Path | None, folder: Path) -> dict:
    """Trains the U-Net as its stage does, but with `params`; writes everything to `folder`."""
    from petseg import records
    from petseg.models import unet
    from petseg.training import loop

    everything = load_params()
    size, classes = records.image_size(records_folder), len(records.spec(records_folder).classes)
    return loop.train(
        "unet",
        partial(unet.build, size, classes, params, weights),
        params,
        machine=everything.machine,
        seed=everything.seed,
        records_folder=records_folder,
        model_path=folder / "unet.keras",
        curve_path=curve(folder),
        checkpoint_folder=folder,
        scaled_groups=partial(unet.scaled_groups, params=params),
    )


def require_records() -> None:
    """Raises PetsegError if the real dataset has not been prepared."""
    if not paths.RECORDS.is_dir():
        raise PetsegError(f"{paths.RECORDS} is missing; run this first: dvc repro preprocess")


def printed(command: Sequence[str]) -> dict:
    """Runs a command and returns the JSON object in its last line; raises PetsegError if it fails.

    Its stderr goes to the terminal.
    """
    ended = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        raise PetsegError(f"{' '.join(command)} ended with exit code {ended.returncode}")
    return json.loads(ended.stdout.splitlines()[-1])


def curve(folder: Path) -> Path:
    """Returns the path of `train_unet`'s learning curve, which is complete after every epoch."""
    return folder / "curve.csv"


if __name__ == "__main__":
    main()
