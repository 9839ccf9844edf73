"""Images per second of our training, as params.yaml has it, on generated pets.

Measures the second epoch, as the first one builds the graph.
"""

import argparse
import dataclasses
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import measure, pets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_fine_tune_from(parser)
    parser.add_argument("--precision", default="auto", help="default: auto")
    wanted = parser.parse_args()
    settings = changed(fine_tune_from=wanted.fine_tune_from, precision=wanted.precision)
    measure.report(images_per_second(settings))


def add_fine_tune_from(parser: argparse.ArgumentParser) -> None:
    """The option that says from which block on the encoder trains."""
    parser.add_argument(
        "--fine-tune-from",
        choices=("frozen", "stem", *(f"block_{number}" for number in range(1, 17))),
        metavar="BLOCK",
        help="frozen, stem, or block_1 to block_16; default: that of params.yaml",
    )


def changed(**changes):
    """The U-Net's settings of params.yaml, but for these; None leaves what stands there."""
    from petseg import params

    given = {key: value for key, value in changes.items() if value is not None}
    return dataclasses.replace(params.load().train_unet, **given)


def images_per_second(settings) -> float:
    """Trains the U-Net of `settings` for two epochs; the rate of the second one."""
    settings = dataclasses.replace(settings, epochs=2, undistorted_epochs=0, fine_tune_after=0)
    with tempfile.TemporaryDirectory() as folder:
        records_folder = pets.as_records(pets.PHOTOGRAPHS)
        cost = train_unet(settings, records_folder, pets.encoder_weights(), Path(folder))
    return cost["epochs"][-1]["images_per_second"]


def train_unet(settings, records_folder: Path, weights: Path | None, folder: Path) -> dict:
    """Trains the U-Net as its stage does, but with `settings`; all it writes goes into `folder`."""
    from petseg import params
    from petseg.training import loop
    from stages import train_unet as stage

    wanted = params.load()
    return loop.train(
        "unet",
        partial(stage.network, wanted.image_size, settings, weights),
        settings,
        groups=stage.groups(settings),
        machine=wanted.machine,
        seed=wanted.seed,
        records_folder=records_folder,
        model_path=folder / "unet.keras",
        curve_path=curve(folder),
        checkpoint_folder=folder,
    )


def curve(folder: Path) -> Path:
    """Where `train_unet` writes its learning curve, whole after every epoch."""
    return folder / "curve.csv"


if __name__ == "__main__":
    main()
