"""The in-house shallow network: four convolution layers from photograph to logits.

| layer | what | side | receptive field in pixels |
| --- | --- | --- | --- |
| 1 | convolution 5x5, stride 2 | 1/2 | 5 |
| 2 | convolution 3x3, stride 2 | 1/4 | 9 |
| 3 | convolutions 3x3 side by side, dilation 1 and 3 | 1/4 | 17 and 33 |
|   | the same of averages of 2x2 and of 4x4 places, dilation 3 | 1/8, 1/16 | 61 and 117 |
|   | of these four, the average over places that look alike | 1/4 | the whole photograph |
|   | a 1x1 convolution of the average over all places | - | the whole photograph |
| 4 | transposed convolutions 4x4, stride 2, of layers 1 and 3 | 1 | the whole photograph |

The receptive field r grows by (kernel - 1) * dilation * stride so far (Araujo et al., "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019). Convolutions of several dilations
and scales side by side are the idea of Chen et al., arXiv:1706.05587, and Zhao et al.,
arXiv:1612.01105. To look at all places that resemble one's own is that of Wang et al.,
arXiv:1711.07971, here without convolutions of its own.
"""

import keras

from petseg.classes import NUM_CLASSES

SURROUNDINGS = ((1, 1), (1, 3), (2, 3), (4, 3))
"""(side of the averaged squares, in places of 1/4; dilation) of the convolutions of layer 3."""

KEYS = 16
"""Squares a side of the photograph, to whose averages each place is compared."""


def build(
    image_size: int, *, width: int = 36, batch_norm: type = keras.layers.BatchNormalization
) -> keras.Model:
    """Photographs (B, S, S, 3) in [0, 255] -> float32 logits (B, S, S, 3), S = `image_size`.

    `width` is the number of filters of the first convolution and of each of the side-by-side ones.
    """

    def convolution(x, name, filters, size, **options):
        x = keras.layers.Conv2D(
            filters, size, padding="same", use_bias=False, name=name, **options
        )(x)
        return batch_norm(name=f"{name}_normalization")(x)

    def relu(x, name):
        return keras.layers.ReLU(name=f"{name}_relu")(x)

    photographs = keras.Input((image_size, image_size, 3), name="photographs")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(photographs)
    fine = relu(convolution(x, "edges", width, 5, strides=2), "edges")
    textures = convolution(fine, "textures", 2 * width, 3, strides=2)
    x = relu(textures, "textures")

    surroundings = []
    for scale, dilation in SURROUNDINGS:
        name = f"surroundings_{scale * dilation}"
        seen = _averages(x, scale, f"{name}_averages")
        seen = relu(convolution(seen, name, width, 3, dilation_rate=dilation), name)
        surroundings.append(_enlarged(seen, scale, f"{name}_enlarged"))
    context = keras.layers.Concatenate(name="surroundings")(surroundings)

    everything = keras.layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
    everything = keras.layers.Conv2D(width, 1, activation="relu", name="everything")(everything)
    everything = keras.layers.UpSampling2D(image_size // 4, name="everywhere")(everything)

    x = [context, everything, _of_similar_places(textures, context)]
    x = keras.layers.Concatenate(name="context")(x)
    x = _enlarged(_logits(x, "context_classifier"), 2, "enlarged_context")
    x = keras.layers.Add(name="sum")([_logits(fine, "edges_classifier", use_bias=False), x])
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(photographs, logits, name="shallow")


def _of_similar_places(features, context):
    """The context averaged over the photograph, by how much the features there are as here.

    (B, S, S, F) and (B, S, S, C) -> (B, S, S, C). Weights are a softmax, over squares of places, of
    the scalar product of features: Vaswani et al., arXiv:1706.03762, section 3.2.1.
    """
    side, channels = features.shape[2:]
    scale = max(1, side // KEYS)

    def row(x, name):
        return keras.layers.Reshape((-1, x.shape[-1]), name=name)(x)

    queries = keras.layers.Rescaling(channels**-0.5, name="queries")(row(features, "places"))
    keys = row(_averages(features, scale, "features_averages"), "keys")
    values = row(_averages(context, scale, "context_averages"), "values")
    similar = keras.layers.Attention(use_scale=True, name="attention")([queries, values, keys])
    return keras.layers.Reshape((side, side, context.shape[-1]), name="similar_places")(similar)


def _averages(x, scale: int, name: str):
    return keras.layers.AveragePooling2D(scale, name=name)(x) if scale > 1 else x


def _enlarged(x, scale: int, name: str):
    if scale == 1:
        return x
    return keras.layers.UpSampling2D(scale, interpolation="bilinear", name=name)(x)


def _logits(x, name: str, **options):
    """(B, S, S, C) -> (B, 2S, 2S, 3)."""
    return keras.layers.Conv2DTranspose(
        NUM_CLASSES, 4, strides=2, padding="same", name=name, **options
    )(x)
