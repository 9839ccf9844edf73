"""A U-Net with MobileNetV2 as its encoder and pix2pix upsample blocks as its decoder.

Sources: Ronneberger et al., arXiv:1505.04597 (U-Net); Sandler et al., arXiv:1801.04381
(MobileNetV2); https://www.tensorflow.org/tutorials/images/segmentation (their combination); Shi et
al., arXiv:1609.05158 (sub-pixel convolution).
"""

from collections.abc import Sequence
from pathlib import Path

import keras

from petseg.classes import NUM_CLASSES
from petseg.models import mobilenet_v2
from petseg.models.upsample import BLOCKS

SKIP_LAYERS = {  # at 1/2, 1/4, 1/8 and 1/16 of the side that the encoder sees
    "expansions": (
        "block_1_expand_relu",
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
    ),
    "bottlenecks": (
        "expanded_conv_project_BN",
        "block_2_add",
        "block_5_add",
        "block_12_add",
    ),
}
"""The last layers of each resolution: bottlenecks, and the expansions computed from them alone."""

BOTTOM_LAYER = "block_16_project"  # 1/32

SCRATCH_MOMENTUM = 0.9
"""Of the encoder's batch normalization without pretrained weights.

MobileNetV2's own 0.999 takes thousands of updates to forget the initial statistics.
"""


def build(
    image_size: int,
    *,
    encoder_weights: Path | None,
    encoder_alpha: float = 1.0,
    input_range: tuple[float, float] = (-1.0, 1.0),
    fine_tune_from: str = "frozen",
    skip_connections: str = "expansions",
    decoder_block: str = "builtin",
    decoder_filters: Sequence[int] = (512, 256, 128, 64),
    dropout: float = 0.0,
    refinement_filters: int = 0,
    enlarge: int = 1,
    batch_norm: type = keras.layers.BatchNormalization,
) -> keras.Model:
    """Photographs (B, S, S, 3) in [0, 255] -> float32 logits (B, S, S, 3), S = `image_size`.

    `encoder_weights` is a Keras weights file; None leaves the encoder random, and its batch
    normalization then learns its statistics, while that of a pretrained encoder stays in inference
    mode. The encoder is shown black and white as `input_range`, and the photograph `enlarge` times
    as large: ImageNet's photographs, from which it comes, are larger than small ones here.
    `fine_tune_from` names the first trainable block of the encoder (stem, block_1 to block_16) or
    is frozen. `skip_connections` is a key of SKIP_LAYERS: the tutorial's expansions have six times
    the channels of the bottlenecks that they are computed from, and the decoder six times the work
    with them. The decoder has a block for each of `decoder_filters`, from the bottom up to half of
    the photograph's side. With `refinement_filters` two convolutions stand before the last step to
    full size, without them that step is the tutorial's transposed convolution. PetsegError where
    the weights do not fit.
    """
    photographs = keras.Input((image_size, image_size, 3), name="photographs")
    black, white = input_range
    scaled = keras.layers.Rescaling((white - black) / 255, offset=black, name="rescaling")(
        photographs
    )
    if enlarge > 1:
        scaled = keras.layers.UpSampling2D(enlarge, interpolation="bilinear", name="enlargement")(
            scaled
        )
    skip_layers = SKIP_LAYERS[skip_connections][-len(decoder_filters) :]
    encoder = _encoder(scaled.shape[1], skip_layers, encoder_alpha, encoder_weights, fine_tune_from)
    *skips, x = encoder(scaled)

    for level, (filters, skip) in enumerate(zip(decoder_filters, reversed(skips), strict=True), 1):
        block = BLOCKS[decoder_block](
            filters, 3, dropout=dropout, batch_norm=batch_norm, name=f"upsample_{level}"
        )
        x = keras.layers.Concatenate(name=f"skip_connection_{level}")([block(x), skip])
    enlarge = _refined_classifier if refinement_filters else _tutorial_classifier
    x = enlarge(x, refinement_filters, batch_norm)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(photographs, logits, name="mobilenet_unet")


def encoder_variables(model: keras.Model) -> list:
    """The trainable variables of the encoder inside a U-Net."""
    return model.get_layer("encoder").trainable_variables


def _tutorial_classifier(x, filters: int, batch_norm: type):
    """(B, S, S, C) -> (B, 2S, 2S, 3): every second pixel sees a single place of `x`."""
    del filters, batch_norm
    return keras.layers.Conv2DTranspose(
        NUM_CLASSES, 3, strides=2, padding="same", name="classifier"
    )(x)


def _refined_classifier(x, filters: int, batch_norm: type):
    """(B, S, S, C) -> (B, 2S, 2S, 3): every pixel sees 5x5 places of `x`.

    The borders of a pet are narrow, and are decided in these convolutions: the first merges decoder
    and skip connection into few channels, the others look around. They run at half the side, where
    a place's channels become the classes of its four pixels.
    """
    side = x.shape[1]
    for name, size in (("merging", 1), ("refinement", 3)):
        x = keras.layers.Conv2D(filters, size, padding="same", use_bias=False, name=name)(x)
        x = batch_norm(name=f"{name}_normalization")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    x = keras.layers.Conv2D(4 * NUM_CLASSES, 3, padding="same", name="classifier")(x)
    x = keras.layers.Reshape((side, side, 2, 2, NUM_CLASSES), name="subpixels")(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name="interleaved")(x)
    return keras.layers.Reshape((2 * side, 2 * side, NUM_CLASSES), name="enlarged")(x)


def _encoder(
    image_size: int,
    skip_layers: Sequence[str],
    alpha: float,
    weights: Path | None,
    fine_tune_from: str,
):
    network = mobilenet_v2.build(image_size, alpha, weights)
    outputs = [network.get_layer(name).output for name in (*skip_layers, BOTTOM_LAYER)]
    encoder = keras.Model(network.input, outputs, name="encoder")
    trainable = fine_tune_from == "stem"
    for layer in encoder.layers:
        trainable = trainable or layer.name.startswith(f"{fine_tune_from}_")
        layer.trainable = trainable
        if isinstance(layer, keras.layers.BatchNormalization):
            if weights:
                _keep_in_inference_mode(layer)
            else:
                layer.momentum = SCRATCH_MOMENTUM
    return encoder


def _keep_in_inference_mode(layer: keras.layers.BatchNormalization) -> None:
    """Scale and offset stay as trainable as they are; the statistics stay those of pretraining.

    Calling the encoder with training=False would not do: Keras 3 overrides that argument of an
    inner call with the one that the whole model is called with.
    """
    scale_and_offset = [(variable, variable.trainable) for variable in (layer.gamma, layer.beta)]
    layer.trainable = False
    for variable, trainable in scale_and_offset:
        variable.trainable = trainable
