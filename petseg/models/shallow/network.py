"""The in-house shallow network: four convolution layers.

| layer | what | side | receptive field in pixels |
| --- | --- | --- | --- |
|   | average pooling 2x2 | 1/2 | 2 |
| 1 | convolution 5x5, stride 2 | 1/4 | 10 |
| 2 | convolution 3x3, stride 2 | 1/8 | 18 |
| 3 | parallel convolutions 3x3, dilation 1 and 3 | 1/8 | 34 and 66 |
|   | after average pooling 2x2 and 4x4, dilation 3 | 1/16, 1/32 | 122 and 234 |
|   | self-attention: these four, averaged over similar pixels | 1/8 | image |
|   | global average pooling, convolution 1x1 | - | image |
| 4 | transposed convolutions 4x4, stride 2, of layers 1 and 3 | 1/2 | image |
|   | bilinear upsampling | 1 | image |

The receptive field grows by (kernel - 1) * dilation * (stride so far): Araujo et al., "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019. Layer 3 follows Chen et al.,
arXiv:1706.05587, and Zhao et al., arXiv:1612.01105; self-attention follows Wang et al.,
arXiv:1711.07971, without its convolutions.
"""

import keras

from petseg.core.params import TrainShallow

CONTEXTS = ((1, 1), (1, 3), (2, 3), (4, 3))
"""(side of the average pooling at 1/8, dilation) for each convolution of layer 3."""

KEYS = 16
"""Rectangles along each side of the image; self-attention compares pixels with their averages."""


def build(image_size: tuple[int, int], classes: int, params: TrainShallow) -> keras.Model:
    """Builds a model: images (B, H, W, 3) in [0, 255] -> float32 logits (B, H, W, `classes`).

    `image_size` is (H, W), multiples of 32. On a CPU, batch normalization is several times faster
    with multiples of 16 filters.
    """
    width = params.width
    images = keras.Input((*image_size, 3), name="images")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)
    x = _average(x, 2, "halved")
    edges = _relu(_convolution(x, "edges", width, 5, strides=2), "edges")
    textures = _convolution(edges, "textures", 5 * width // 2, 3, strides=2)
    x = _relu(textures, "textures")

    contexts = []
    for scale, dilation in CONTEXTS:
        name = f"context_{scale * dilation}"
        context = _average(x, scale, f"{name}_average")
        context = _relu(_convolution(context, name, width, 3, dilation_rate=dilation), name)
        contexts.append(_upscale(context, scale, f"{name}_upscaled"))
    context = keras.layers.Concatenate(name="context")(contexts)

    average = keras.layers.GlobalAveragePooling2D(keepdims=True, name="global_average")(x)
    average = keras.layers.Conv2D(width, 1, activation="relu", name="global_context")(average)
    global_context = keras.layers.UpSampling2D(x.shape[1:3], name="global_upscaled")(average)

    x = [context, global_context, _self_attention(textures, context)]
    x = keras.layers.Concatenate(name="features")(x)
    x = _upscale(_classifier(x, classes, "context_classifier"), 2, "context_logits")
    of_edges = _classifier(edges, classes, "edges_classifier", use_bias=False)
    x = keras.layers.Add(name="sum")([of_edges, x])
    x = _upscale(x, 2, "full_size")
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="shallow")


def _convolution(x, name: str, filters: int, size: int, **options):
    x = keras.layers.Conv2D(filters, size, padding="same", use_bias=False, name=name, **options)(x)
    return keras.layers.BatchNormalization(name=f"{name}_normalization")(x)


def _relu(x, name: str):
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _self_attention(features, context):
    """Averages context by similarity of features: (B, H, W, F), (B, H, W, C) -> (B, H, W, C).

    The weights are a softmax, over rectangles of pixels, of dot products: Vaswani et al.,
    arXiv:1706.03762, section 3.2.1.
    """
    *size, channels = features.shape[1:]
    scale = tuple(max(1, side // KEYS) for side in size)

    def sequence(x, name):
        return keras.layers.Reshape((-1, x.shape[-1]), name=name)(x)

    queries = keras.layers.Rescaling(channels**-0.5, name="queries")(sequence(features, "pixels"))
    keys = sequence(_average(features, scale, "features_average"), "keys")
    values = sequence(_average(context, scale, "context_average"), "values")
    attended = keras.layers.Attention(use_scale=True, name="attention")([queries, values, keys])
    return keras.layers.Reshape((*size, context.shape[-1]), name="self_attention")(attended)


def _average(x, scale: int | tuple[int, int], name: str):
    return x if scale in (1, (1, 1)) else keras.layers.AveragePooling2D(scale, name=name)(x)


def _upscale(x, scale: int, name: str):
    if scale == 1:
        return x
    return keras.layers.UpSampling2D(scale, interpolation="bilinear", name=name)(x)


def _classifier(x, classes: int, name: str, **options):
    """(B, H, W, C) -> (B, 2H, 2W, classes)."""
    return keras.layers.Conv2DTranspose(
        classes, 4, strides=2, padding="same", name=name, **options
    )(x)
