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
    parser.add_argument("--frozen", action="store_true", help="the encoder does not train")
    parser.add_argument("--precision", default="auto", help="default: auto")
    wanted = parser.parse_args()
    measure.report(images_per_second(frozen=wanted.frozen, precision=wanted.precision))


def images_per_second(*, frozen: bool, precision: str) -> float:
    """Trains our U-Net for two epochs; the rate of the second one."""
    from petseg import params

    wanted = params.load().train_unet
    settings = dataclasses.replace(
        wanted,
        epochs=2,
        precision=precision,
        fine_tune_from="frozen" if frozen else wanted.fine_tune_from,
        fine_tune_after=0,
    )
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
