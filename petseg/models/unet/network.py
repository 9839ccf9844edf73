"""A U-Net with a pretrained encoder and pix2pix upsample blocks.

Sources: Ronneberger et al., arXiv:1505.04597 (U-Net);
https://www.tensorflow.org/tutorials/images/segmentation (with MobileNetV2); Shi et al.,
arXiv:1609.05158 (sub-pixel convolution).
"""

from functools import partial
from pathlib import Path

import keras
import numpy as np

from petseg.core.errors import PetsegError
from petseg.core.params import MOBILENET_V2, TrainUnet
from petseg.models import encoders
from petseg.models.encoders import Encoder, presets
from petseg.models.unet.upsample import BLOCKS


def build(
    image_size: tuple[int, int], classes: int, params: TrainUnet, encoder_weights: Path | None
) -> keras.Model:
    """Builds a model: images (B, H, W, 3) in [0, 255] -> float32 logits (B, H, W, `classes`).

    `image_size` is (H, W), multiples of 32; `encoder_weights` is from `storage.stored_encoder`.
    Batch normalization of a pretrained encoder stays in inference mode. Raises PetsegError if
    encoder or weights do not fit.
    """
    upscale = params.encoder_upscale
    height, width = image_size
    encoder = encoders.build((height * upscale, width * upscale), params, encoder_weights)
    levels = _levels_below_half(encoder, params)
    outputs = [encoder.levels[level] for level in levels if level in encoder.levels]

    images = keras.Input((height, width, 3), name="images")
    x = keras.layers.Rescaling(encoder.scale, encoder.offset, name="rescaling")(images)
    if upscale > 1:  # the encoder was pretrained on larger images
        x = keras.layers.UpSampling2D(upscale, interpolation="bilinear", name="encoder_upscale")(x)
    *skips, x = keras.Model(encoder.network.input, outputs, name="encoder")(x)

    upsample = BLOCKS[params.decoder_block]
    for number, (level, filters) in enumerate(
        zip(reversed(levels[:-1]), params.decoder_filters, strict=True), 1
    ):
        x = upsample(filters, 3, dropout=params.dropout, name=f"upsample_{number}")(x)
        if level in encoder.levels:
            x = keras.layers.Concatenate(name=f"skip_connection_{number}")([x, skips.pop()])
    if params.refinement_filters:
        x = _refined_classifier(x, classes, params.refinement_filters)
    else:
        x = _tutorial_classifier(x, classes)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="unet")


def require_usable(
    image_size: tuple[int, int], params: TrainUnet, encoder_weights: Path | None
) -> None:
    """Raises PetsegError for an unusable preset; some fail only when run."""
    if params.encoder == MOBILENET_V2:  # accepts all allowed image sizes
        return
    model = build(image_size, 2, params, encoder_weights)
    unusable = partial(presets.unusable, params.encoder, image_size)
    try:
        keras.Model.from_config(model.get_config())
    except Exception:  # many types, with pages of text
        raise unusable("its layers could not be loaded again from a saved network") from None
    try:
        model(np.zeros((1, *image_size, 3), np.float32))
    except Exception as error:  # any type, from operations
        raise unusable(presets.reason(error)) from None


def scaled_groups(model: keras.Model, params: TrainUnet) -> list[tuple[list, float]]:
    """Returns the encoder's variables and their learning rate scale."""
    variables = model.get_layer("encoder").trainable_variables
    return [(variables, params.encoder_learning_rate_scale)]


def _levels_below_half(encoder: Encoder, params: TrainUnet) -> list[int]:
    """Returns the levels from half the image's side to the coarsest.

    Raises PetsegError for a wrong number of `decoder_filters`.
    """
    half, coarsest = params.encoder_upscale.bit_length(), max(encoder.levels)
    blocks = coarsest - half
    if len(params.decoder_filters) != blocks:
        raise PetsegError(
            f"train_unet.decoder_filters: {len(params.decoder_filters)} upsample blocks, but "
            f"{params.encoder}, whose coarsest features are at 1/{2**coarsest} of its input, needs "
            f"{blocks} to reach half of the image's side"
        )
    return list(range(half, coarsest + 1))


def _tutorial_classifier(x, classes: int):
    """(B, H, W, C) -> (B, 2H, 2W, classes): every second pixel sees a single pixel of `x`."""
    return keras.layers.Conv2DTranspose(classes, 3, strides=2, padding="same", name="classifier")(x)


def _refined_classifier(x, classes: int, filters: int):
    """(B, H, W, C) -> (B, 2H, 2W, classes): every pixel sees 5x5 pixels of `x`.

    At half the side, the first convolution merges decoder and skip connection into few channels,
    the others decide outlines and narrow classes. A pixel's channels become the classes of four.
    """
    height, width = x.shape[1:3]
    for name, size in (("merging", 1), ("refinement", 3)):
        x = keras.layers.Conv2D(filters, size, padding="same", use_bias=False, name=name)(x)
        x = keras.layers.BatchNormalization(name=f"{name}_normalization")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    x = keras.layers.Conv2D(4 * classes, 3, padding="same", name="classifier")(x)
    x = keras.layers.Reshape((height, width, 2, 2, classes), name="subpixels")(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name="interleaved")(x)
    return keras.layers.Reshape((2 * height, 2 * width, classes), name="full_size")(x)
