"""The graph to export: logits and labels, by operations that every format has.

TFLite's GPU delegate and Core ML support at most four dimensions; where Keras uses more, an
equivalent operation replaces them.
"""

from typing import Any

import keras
import tensorflow as tf

from petseg.prediction.runtimes import IMAGES, LABELS, LOGITS


class DepthToSpace(keras.layers.Layer):
    """(B, H, W, 4 * C) -> (B, 2H, 2W, C): moves a pixel's channels to four pixels."""

    def call(self, inputs):
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return batch, 2 * height, 2 * width, channels // 4


class Repeat(keras.layers.Layer):
    """(B, H, W, C) -> (B, fH, gW, C): repeats each pixel."""

    def __init__(self, factors: tuple[int, int], **options):
        super().__init__(**options)
        self.factors = factors

    def call(self, inputs):
        size = [side * f for side, f in zip(inputs.shape[1:3], self.factors, strict=True)]
        return tf.image.resize(inputs, size, "nearest")


def exported_function(model: keras.Model, batch: int | None):
    """Returns the network, and a tf.function for export; `batch` None means any size.

    It maps IMAGES, float32 (batch, H, W, 3) in [0, 255], to LOGITS, float32 (batch, H, W, C), and
    LABELS, uint8 (batch, H, W), the index of the largest logit.
    """
    network = _of_four_dimensions(model)
    images = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name=IMAGES)

    @tf.function(input_signature=[images])
    def run(images):
        logits = network(images, training=False)
        labels = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return {LOGITS: logits, LABELS: tf.cast(labels, tf.uint8)}

    return network, run


def _of_four_dimensions(model: keras.Model) -> keras.Model:
    """Returns the same function of the same variables."""
    if not isinstance(model, keras.Function):
        return model
    left_out, replaced = set(), {}
    for layer in model.layers:
        if type(layer) is keras.layers.UpSampling2D and layer.interpolation == "nearest":
            replaced[layer] = Repeat(layer.size, name=layer.name)
        if before := _subpixels(layer):
            left_out |= before
            replaced[layer] = DepthToSpace(name=layer.name)

    def call(layer, *args, **kwargs):
        if layer in left_out:
            return args[0]
        return replaced.get(layer, layer)(*args, **kwargs)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _subpixels(layer) -> set:
    """Returns the layers that, with the Reshape `layer`, are DepthToSpace."""
    permute = _before(layer, keras.layers.Reshape)
    if permute is None or getattr(permute, "dims", None) != (1, 3, 2, 4, 5):
        return set()
    split = permute.input._keras_history.operation
    height, width, *block, classes = split.output.shape[1:]
    same = block == [2, 2] and layer.output.shape[1:] == (2 * height, 2 * width, classes)
    return {split, permute} if same and type(split) is keras.layers.Reshape else set()


def _before(layer, kind: Any):
    """Returns the layer before a layer of this kind, else None."""
    return layer.input._keras_history.operation if type(layer) is kind else None
