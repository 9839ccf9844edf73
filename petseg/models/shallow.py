"""The in-house shallow network: four convolution layers from photograph to logits.

| layer | what | side | receptive field in pixels |
| --- | --- | --- | --- |
| 1 | convolution 5x5, stride 2 | 1/2 | 5 |
| 2 | convolution 5x5, stride 2 | 1/4 | 13 |
| 3 | four convolutions 3x3 side by side, dilation 1, 3, 6 and 12 | 1/4 | 21, 37, 61 and 109 |
|   | beside them, a 1x1 convolution of the average over all places | - | the whole photograph |
| 4 | transposed convolution 4x4, stride 2, of layers 1 and 3 | 1 | 117 and the whole photograph |

The receptive field r grows by (kernel - 1) * dilation * stride so far (Araujo et al., "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019). Dilated convolutions side by
side are the idea of Chen et al., arXiv:1706.05587.
"""

import keras

from petseg.classes import NUM_CLASSES

DILATIONS = (1, 3, 6, 12)


def build(
    image_size: int, *, width: int = 32, batch_norm: type = keras.layers.BatchNormalization
) -> keras.Model:
    """Photographs (B, S, S, 3) in [0, 255] -> float32 logits (B, S, S, 3), S = `image_size`.

    `width` is the number of filters of the first convolution and of each of the side-by-side ones.
    """

    def activated(x, name):
        x = batch_norm(name=f"{name}_normalization")(x)
        return keras.layers.ReLU(name=f"{name}_relu")(x)

    def convolution(x, name, filters, size, **options):
        x = keras.layers.Conv2D(
            filters, size, padding="same", use_bias=False, name=name, **options
        )(x)
        return activated(x, name)

    photographs = keras.Input((image_size, image_size, 3), name="photographs")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(photographs)
    fine = convolution(x, "edges", width, 5, strides=2)
    x = convolution(fine, "textures", 2 * width, 5, strides=2)

    surroundings = [
        convolution(x, f"surroundings_{rate}", width, 3, dilation_rate=rate) for rate in DILATIONS
    ]
    everything = keras.layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
    everything = keras.layers.Conv2D(width, 1, activation="relu", name="everything")(everything)
    everything = keras.layers.UpSampling2D(image_size // 4, name="everywhere")(everything)

    x = keras.layers.Concatenate(name="context")([*surroundings, everything])
    x = keras.layers.UpSampling2D(interpolation="bilinear", name="enlarged_context")(x)
    x = keras.layers.Concatenate(name="features")([fine, x])
    x = keras.layers.Conv2DTranspose(NUM_CLASSES, 4, strides=2, padding="same", name="classifier")(
        x
    )
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(photographs, logits, name="shallow")
