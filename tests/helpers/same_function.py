"""Compares two networks as functions, forward and backward."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tests.helpers.networks import SIZE


def in_float64(build: Callable[[], keras.Model]) -> keras.Model:
    """Calls `build` in float64, so that differences come from formulas and not from rounding.

    Initial weights, and gradients that are computed in float32, stay float32.
    """
    keras.config.set_dtype_policy("float64")
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


def images(size: tuple[int, int] = SIZE) -> tf.Tensor:
    """Returns random images float32 (4, H, W, 3) in [0, 255]."""
    values = np.random.default_rng(1).uniform(0, 255, (4, *size, 3))
    return tf.constant(values, tf.float32)


def outputs_and_gradients(network) -> list[np.ndarray]:
    """Returns the outputs in training mode, and the gradients of all trainable variables."""
    variables = network.trainable_variables
    with tf.GradientTape() as tape:
        outputs = network(images(network.input_shape[1:3]), training=True)
        loss = tf.reduce_mean(outputs**2)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    return [result.numpy() for result in (outputs, *gradients)]


def assert_same_function(network, accelerated) -> None:
    """Compares outputs and gradients, to a millionth of the largest value of each."""
    expected, found = outputs_and_gradients(network), outputs_and_gradients(accelerated)
    for one, other in zip(expected, found, strict=True):
        scale = np.abs(one).max() + 1e-9
        np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=1e-6)
