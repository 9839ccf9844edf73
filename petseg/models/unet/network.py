"""A U-Net with MobileNetV2 as its encoder and pix2pix upsample blocks as its decoder.

Sources: Ronneberger et al., arXiv:1505.04597 (U-Net); Sandler et al., arXiv:1801.04381
(MobileNetV2); https://www.tensorflow.org/tutorials/images/segmentation (their combination); Shi et
al., arXiv:1609.05158 (sub-pixel convolution).
"""

from pathlib import Path

import keras

from petseg.core.params import TrainUnet
from petseg.models.encoders import mobilenet_v2
from petseg.models.unet.upsample import BLOCKS

SKIP_LAYERS = {  # at 1/2, 1/4, 1/8 and 1/16 of the encoder's input
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
"""The last layers of each resolution: bottlenecks, or the expansions computed from them alone."""

BOTTOM_LAYER = "block_16_project"  # at 1/32

SCRATCH_MOMENTUM = 0.9
"""Of the encoder's batch normalization without pretrained weights.

MobileNetV2's own 0.999 takes thousands of updates to forget the initial statistics.
"""


def build(
    image_size: tuple[int, int], classes: int, params: TrainUnet, encoder_weights: Path | None
) -> keras.Model:
    """Images (B, H, W, 3) in [0, 255] -> float32 logits (B, H, W, `classes`).

    `image_size` is (H, W), each a multiple of 32. `encoder_weights` is a Keras weights file. None
    leaves the encoder random, and its batch normalization then learns its statistics; that of a
    pretrained encoder stays in inference mode. PetsegError where the weights do not fit.
    """
    images = keras.Input((*image_size, 3), name="images")
    black, white = params.input_range
    x = keras.layers.Rescaling((white - black) / 255, offset=black, name="rescaling")(images)
    if params.encoder_upscale > 1:  # the encoder was pretrained on larger images
        x = keras.layers.UpSampling2D(
            params.encoder_upscale, interpolation="bilinear", name="encoder_upscale"
        )(x)
    encoder = _encoder(x.shape[1:3], params, encoder_weights)
    *skips, x = encoder(x)

    upsample = BLOCKS[params.decoder_block]
    for level, (filters, skip) in enumerate(
        zip(params.decoder_filters, reversed(skips), strict=True), 1
    ):
        block = upsample(filters, 3, dropout=params.dropout, name=f"upsample_{level}")
        x = keras.layers.Concatenate(name=f"skip_connection_{level}")([block(x), skip])
    if params.refinement_filters:
        x = _refined_classifier(x, classes, params.refinement_filters)
    else:
        x = _tutorial_classifier(x, classes)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="unet")


def scaled_groups(model: keras.Model, params: TrainUnet) -> list[tuple[list, float]]:
    """The variables of a U-Net with a learning rate of their own, and its scale: the encoder's."""
    variables = model.get_layer("encoder").trainable_variables
    return [(variables, params.encoder_learning_rate_scale)]


def _encoder(input_size: tuple[int, int], params: TrainUnet, weights: Path | None) -> keras.Model:
    """MobileNetV2 with an output for each skip connection, and the bottom as the last one.

    Layers train from the block that `fine_tune_from` names, or not at all.
    """
    network = mobilenet_v2.build(input_size, params.encoder_alpha, weights)
    skip_layers = SKIP_LAYERS[params.skip_connections][-len(params.decoder_filters) :]
    outputs = [network.get_layer(name).output for name in (*skip_layers, BOTTOM_LAYER)]
    encoder = keras.Model(network.input, outputs, name="encoder")
    trainable = params.fine_tune_from == "stem"
    for layer in encoder.layers:
        trainable = trainable or layer.name.startswith(f"{params.fine_tune_from}_")
        layer.trainable = trainable
        if isinstance(layer, keras.layers.BatchNormalization):
            if weights:
                _keep_in_inference_mode(layer)
            else:
                layer.momentum = SCRATCH_MOMENTUM
    return encoder


def _keep_in_inference_mode(layer: keras.layers.BatchNormalization) -> None:
    """Keeps the pretrained statistics, and leaves scale and offset as trainable as they are.

    Calling the encoder with training=False would not do: Keras 3 overrides that argument of an
    inner call with the one that the whole model is called with.
    """
    scale_and_offset = [(variable, variable.trainable) for variable in (layer.gamma, layer.beta)]
    layer.trainable = False
    for variable, trainable in scale_and_offset:
        variable.trainable = trainable


def _tutorial_classifier(x, classes: int):
    """(B, H, W, C) -> (B, 2H, 2W, classes): every second pixel sees a single pixel of `x`."""
    return keras.layers.Conv2DTranspose(classes, 3, strides=2, padding="same", name="classifier")(x)


def _refined_classifier(x, classes: int, filters: int):
    """(B, H, W, C) -> (B, 2H, 2W, classes): every pixel sees 5x5 pixels of `x`.

    Outlines and narrow classes are decided in these convolutions: the first merges decoder
    and skip connection into few channels, the others look around. They run at half the side, where
    the channels of a pixel become the classes of four.
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
