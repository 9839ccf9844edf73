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
    from petseg.training import loop
    from stages import train_unet

    wanted = params.load()
    settings = dataclasses.replace(
        wanted.train_unet,
        epochs=2,
        precision=precision,
        fine_tune_from="frozen" if frozen else wanted.train_unet.fine_tune_from,
        fine_tune_after=0,
    )
    network = partial(train_unet.network, wanted.image_size, settings, pets.encoder_weights())
    with tempfile.TemporaryDirectory() as folder:
        cost = loop.train(
            "unet",
            network,
            settings,
            groups=train_unet.groups(settings),
            machine=wanted.machine,
            seed=wanted.seed,
            records_folder=pets.as_records(pets.PHOTOGRAPHS),
            model_path=Path(folder) / "unet.keras",
            curve_path=Path(folder) / "curve.csv",
            checkpoint_folder=Path(folder),
        )
    return cost["epochs"][-1]["images_per_second"]


if __name__ == "__main__":
    main()
