"""Which convolutions are folded, and that all others keep their function."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.acceleration.layers import FoldedConvolution
from tests.helpers.gradients import whole_numbers
from tests.helpers.marks import in_half_precision


def assert_same_outputs(network, **tolerance) -> keras.Model:
    """Compares all outputs on small images, exactly by default. Returns the fast network."""
    accelerated = accelerate(network)
    images = np.random.default_rng(1).uniform(0, 255, (4, *network.inputs[0].shape[1:]))
    images = tf.constant(images, tf.float32)
    outputs = keras.tree.flatten(network(images)), keras.tree.flatten(accelerated(images))
    for stock, fast in zip(*outputs, strict=True):
        np.testing.assert_allclose(stock, fast, **({"rtol": 0} | tolerance))
    return accelerated


def folded_layers(network) -> list:
    return [layer for layer in network.layers if isinstance(layer, FoldedConvolution)]


def test_other_padding_than_same_is_kept():
    inputs = keras.Input((8, 8, 3))
    padded = keras.layers.ZeroPadding2D(((1, 0), (1, 0)))(inputs)
    raw = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(padded)
    normalization = keras.layers.BatchNormalization()
    normalization.trainable = False
    network = keras.Model(inputs, normalization(raw))
    assert_same_outputs(network, rtol=1e-4, atol=1e-3)


def test_convolution_with_second_consumer_is_not_folded():
    inputs = keras.Input((8, 8, 3))
    raw = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    normalization = keras.layers.BatchNormalization()
    normalization.trainable = False
    network = keras.Model(inputs, keras.layers.Concatenate()([raw, normalization(raw)]))
    assert not folded_layers(assert_same_outputs(network))


def kept(x):
    """Applies frozen batch normalization with random statistics."""
    normalization = keras.layers.BatchNormalization()
    y = normalization(x)
    rng = np.random.default_rng(2)
    normalization.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in normalization.weights])
    normalization.trainable = False
    return y


FOREIGN = {
    "dilated": lambda x: kept(keras.layers.Conv2D(4, 3, dilation_rate=2, use_bias=False)(x)),
    "dilated depthwise": lambda x: kept(
        keras.layers.DepthwiseConv2D(3, dilation_rate=2, use_bias=False)(x)
    ),
    "two groups": lambda x: kept(keras.layers.Conv2D(4, 3, groups=2, use_bias=False)(x)),
    "two filters for a channel": lambda x: kept(
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(x)
    ),
    "unequal strides": lambda x: kept(keras.layers.Conv2D(4, 3, (1, 2), use_bias=False)(x)),
    "active before it is normalized": lambda x: kept(
        keras.layers.Conv2D(4, 3, activation="relu", use_bias=False)(x)
    ),
    "transposed and normalized": lambda x: kept(
        keras.layers.Conv2DTranspose(4, 3, 2, "same", use_bias=False)(x)
    ),
    "transposed in unequal strides": lambda x: keras.layers.Conv2DTranspose(4, 3, (1, 2), "same")(
        x
    ),
    "a normalization without scale": lambda x: keras.layers.BatchNormalization(
        scale=False, trainable=False
    )(keras.layers.Conv2D(4, 3, use_bias=False)(x)),
    "padded the same way twice": lambda x: kept(
        keras.layers.Conv2D(4, 3, 2, padding="same", use_bias=False)(
            keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        )
    ),
}
"""Parts of networks from elsewhere, for `petseg predict`: (B, H, W, 4) -> (B, H', W', C)."""


def test_dilated_transposed_convolution_is_unchanged():
    """Not executed: without oneDNN, TensorFlow does not support it on a CPU."""
    inputs = keras.Input((8, 8, 4))
    layer = keras.layers.Conv2DTranspose(4, 3, padding="same", dilation_rate=2)
    assert accelerate(keras.Model(inputs, layer(inputs))).layers[-1] is layer


@pytest.mark.parametrize("part", FOREIGN.values(), ids=FOREIGN)
def test_unsupported_layers_keep_their_function(part):
    inputs = keras.Input((8, 8, 4))
    network = keras.Model(inputs, part(inputs))
    features = np.random.default_rng(3).normal(size=(2, 8, 8, 4)).astype(np.float32)
    np.testing.assert_allclose(
        network(features), accelerate(network)(features), rtol=1e-4, atol=1e-4
    )


def test_normalization_called_twice_is_not_folded():
    inputs = keras.Input((8, 8, 3))
    raw = [keras.layers.Conv2D(4, 3, use_bias=False)(inputs) for _ in range(2)]
    normalization = keras.layers.BatchNormalization(trainable=False)
    network = keras.Model(inputs, [normalization(raw[0]), normalization(raw[1])])
    assert not folded_layers(assert_same_outputs(network))


def test_convolution_with_returned_output_is_not_folded():
    inputs = keras.Input((8, 8, 3))
    raw = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    network = keras.Model(inputs, [raw, kept(raw)])
    assert not folded_layers(assert_same_outputs(network))


def test_sequential_network_is_folded():
    raw = keras.layers.Conv2D(4, 3, use_bias=False)
    normalization = keras.layers.BatchNormalization(trainable=False)
    network = keras.Sequential([keras.Input((8, 8, 3)), raw, normalization])
    assert folded_layers(assert_same_outputs(network, rtol=1e-4, atol=1e-3))


@in_half_precision
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_gradients_in_bfloat16_equal_float32(stride):
    """Integers, in sums over at most 2^8 positions, are exact in both."""
    shape = (4, 8, 8, 8)

    def gradients(policy):
        inputs = keras.Input(shape[1:], dtype="float32")
        convolution = keras.layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, dtype=policy
        )
        normalization = keras.layers.BatchNormalization(epsilon=0, dtype=policy)
        normalization.trainable = False
        accelerated = accelerate(keras.Model(inputs, normalization(convolution(inputs))))
        assert folded_layers(accelerated)
        convolution.set_weights([whole_numbers(3, 3, 8, 1)])
        images, kernel = whole_numbers(*shape), convolution.kernel
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = tf.cast(accelerated(images, training=True), tf.float32)
            total = tf.reduce_sum(outputs * whole_numbers(*outputs.shape))
        return tape.gradient(total, [images, kernel.value])

    for exact, rounded in zip(gradients("float32"), gradients("mixed_bfloat16"), strict=True):
        np.testing.assert_allclose(exact, rounded, rtol=0, atol=0.1)
