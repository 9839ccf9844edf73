"""Trains the U-Net with its MobileNetV2 encoder: models/unet.keras and its learning curve."""

from functools import partial

from petseg import cli, params
from petseg.models import mobilenet_unet, mobilenet_v2
from petseg.paths import CHECKPOINTS, ENCODER, RECORDS, cost, learning_curve, model
from petseg.training import loop


def main() -> dict:
    wanted = params.load()
    settings = wanted.train_unet
    build = partial(
        mobilenet_unet.build,
        wanted.image_size,
        encoder_weights=mobilenet_v2.stored_weights(ENCODER),
        encoder_alpha=settings.encoder_alpha,
        fine_tune_from=settings.fine_tune_from,
        decoder_block=settings.decoder_block,
        decoder_filters=settings.decoder_filters,
        dropout=settings.dropout,
    )
    encoder = loop.Group(
        mobilenet_unet.encoder_variables,
        learning_rate_scale=settings.encoder_learning_rate_scale,
        after_epochs=settings.fine_tune_after,
    )
    return loop.train(
        "unet",
        build,
        settings,
        groups=(encoder,),
        seed=wanted.seed,
        records_folder=RECORDS,
        model_path=model("unet"),
        curve_path=learning_curve("unet"),
        checkpoint_folder=CHECKPOINTS,
    )


if __name__ == "__main__":
    cli.run(main, __doc__, cost("train_unet"))
