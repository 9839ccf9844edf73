"""Trains the U-Net with its pretrained encoder: models/unet.keras and its learning curve."""

from functools import partial

from petseg import records
from petseg.core import paths, stage_runner
from petseg.core.params import load_params
from petseg.models import unet
from petseg.models.encoders import storage
from petseg.training import loop


def main() -> dict | None:
    params = load_params()
    classes = len(records.spec(paths.RECORDS).classes)
    encoder = storage.stored_encoder(paths.ENCODER)
    unet.require_usable(params.image_size, params.train_unet, encoder)  # before any data is read
    return loop.train(
        "unet",
        partial(unet.build, params.image_size, classes, params.train_unet, encoder),
        params.train_unet,
        machine=params.machine,
        seed=params.seed,
        records_folder=paths.RECORDS,
        model_path=paths.model("unet"),
        curve_path=paths.learning_curve("unet"),
        checkpoint_folder=paths.CHECKPOINTS,
        scaled_groups=partial(unet.scaled_groups, params=params.train_unet),
    )


if __name__ == "__main__":
    stage_runner.run(main, "train_unet")
