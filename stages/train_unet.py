"""Trains the U-Net with its MobileNetV2 encoder: models/unet.keras and its learning curve."""

from functools import partial
from pathlib import Path

import keras

from petseg import cli, params
from petseg.models import mobilenet_unet, mobilenet_v2
from petseg.params import TrainUnet
from petseg.paths import CHECKPOINTS, ENCODER, RECORDS, cost, learning_curve, model
from petseg.training import loop


def network(image_size: int, settings: TrainUnet, weights: Path | None, **options) -> keras.Model:
    """The U-Net of these settings; `weights` is the encoder's file, or None."""
    return mobilenet_unet.build(
        image_size,
        encoder_weights=weights,
        encoder_alpha=settings.encoder_alpha,
        input_range=settings.input_range,
        enlarge=settings.enlarge,
        fine_tune_from=settings.fine_tune_from,
        skip_connections=settings.skip_connections,
        decoder_block=settings.decoder_block,
        decoder_filters=settings.decoder_filters,
        dropout=settings.dropout,
        refinement_filters=settings.refinement_filters,
        **options,
    )


def groups(settings: TrainUnet) -> tuple[loop.Group, ...]:
    """What is trained unlike the rest: the encoder."""
    return (
        loop.Group(
            mobilenet_unet.encoder_variables,
            learning_rate_scale=settings.encoder_learning_rate_scale,
            after_epochs=settings.fine_tune_after,
        ),
    )


def main() -> dict:
    wanted = params.load()
    settings = wanted.train_unet
    weights = mobilenet_v2.stored_weights(ENCODER)
    return loop.train(
        "unet",
        partial(network, wanted.image_size, settings, weights),
        settings,
        groups=groups(settings),
        machine=wanted.machine,
        seed=wanted.seed,
        records_folder=RECORDS,
        model_path=model("unet"),
        curve_path=learning_curve("unet"),
        checkpoint_folder=CHECKPOINTS,
    )


if __name__ == "__main__":
    cli.run(main, __doc__, cost("train_unet"))
