"""Fused batch normalization has the variables, outputs and gradients of the stock layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.acceleration.layers import FastBatchNormalization
from petseg.acceleration.operations import FAST
from tests.helpers.marks import in_half_precision

X = np.random.default_rng(0).normal(3, 2, size=(4, 6, 5, 7)).astype(np.float32)

policies = pytest.mark.parametrize(
    "policy", ["float32", pytest.param("mixed_bfloat16", marks=in_half_precision)]
)


def stock(shape=X.shape, **options) -> keras.layers.BatchNormalization:
    """Returns a layer with random scales, offsets and statistics."""
    layer = keras.layers.BatchNormalization(**options)
    layer.build(shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 2, size=variable.shape) for variable in layer.weights])
    return layer


def results(layer, x, training=True, **options) -> list[np.ndarray]:
    """Returns outputs, gradients of inputs, scale and offset, and the new statistics.

    Resets the statistics, as other layers share them.
    """
    kept = getattr(layer, "normalization", layer)
    before = kept.get_weights()
    x = tf.cast(x, kept.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=training, **options)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
    gradients = tape.gradient(loss, [x, kept.gamma.value, kept.beta.value])
    found = [outputs, *gradients, kept.moving_mean.value, kept.moving_variance.value]
    found = [tf.cast(value, tf.float32).numpy() for value in found]
    kept.set_weights(before)
    return found


def assert_close(found, expected, tolerance: float) -> None:
    """Compares relative to the largest number of each array."""
    for one, other in zip(found, expected, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=tolerance)


def test_fast_layer_has_only_the_variables_of_its_layer():
    layer = stock()
    fast = FastBatchNormalization(layer, FAST)
    assert [id(variable) for variable in fast.variables] == [id(v) for v in layer.variables]
    assert fast.name == layer.name


@policies
@pytest.mark.parametrize("training", [True, False])
def test_same_outputs_gradients_and_statistics(policy, training):
    layer = stock(momentum=0.9, dtype=policy)
    fast, before = FastBatchNormalization(layer, FAST), layer.get_weights()[2:]
    outputs = fast(tf.cast(X, layer.compute_dtype), training=training)
    assert outputs.dtype == layer.compute_dtype
    found, expected = results(fast, X, training), results(layer, X, training)
    assert_close(found, expected, 1e-5 if policy == "float32" else 0.02)
    changed = [
        not np.array_equal(a, b) for a, b in zip(layer.get_weights()[2:], before, strict=True)
    ]
    assert changed == [training, training]


@in_half_precision
def test_statistics_stay_float32_in_mixed_precision():
    layer = keras.layers.BatchNormalization(dtype="mixed_bfloat16")
    layer.build(X.shape)
    outputs = FastBatchNormalization(layer, FAST)(tf.cast(X, tf.bfloat16), training=True)
    assert outputs.dtype == tf.bfloat16
    assert {variable.dtype for variable in layer.weights} == {"float32"}
    rounded = tf.cast(tf.cast(X, tf.bfloat16), tf.float32).numpy()
    np.testing.assert_allclose(layer.moving_mean, 0.01 * rounded.mean(axis=(0, 1, 2)), rtol=1e-4)


def test_layer_frozen_later_keeps_its_statistics():
    layer = stock()
    fast = FastBatchNormalization(layer, FAST)
    layer.trainable = False
    before = layer.get_weights()
    fast(X, training=True)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@policies
def test_synchronized_layer_uses_stock_operation(policy):
    layer = stock(dtype=policy, synchronized=True)
    found = results(FastBatchNormalization(layer, FAST), X)
    for one, other in zip(found, results(layer, X), strict=True):
        np.testing.assert_array_equal(one, other)


def test_masked_input_uses_stock_operation():
    layer, mask = stock(), np.random.default_rng(2).integers(0, 2, X.shape[:3]).astype(bool)
    found = results(FastBatchNormalization(layer, FAST), X, mask=mask)
    expected = results(layer, X, mask=mask)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.allclose(expected[4], results(layer, X)[4])


def test_features_other_than_images_use_stock_operation():
    layer = stock((8, 7))
    x = np.random.default_rng(0).normal(size=(8, 7))
    found = results(FastBatchNormalization(layer, FAST), x)
    for one, other in zip(found, results(layer, x), strict=True):
        np.testing.assert_array_equal(one, other)


REPLACED = {
    "default": ({}, True),
    "synchronized": ({"synchronized": True}, True),
    "in bfloat16": ({"dtype": "mixed_bfloat16"}, True),
    "over another axis": ({"axis": 1}, False),
    "frozen": ({"trainable": False}, False),
    "without scale": ({"scale": False}, False),
    "without offset": ({"center": False}, False),
    "in float64": ({"dtype": "float64"}, False),
}


@pytest.mark.parametrize(("options", "replaced"), REPLACED.values(), ids=REPLACED)
def test_which_layers_are_replaced(options, replaced):
    inputs = keras.Input(X.shape[1:])
    layer = keras.layers.BatchNormalization(**options)
    accelerated = accelerate(keras.Model(inputs, layer(inputs)))
    assert isinstance(accelerated.layers[-1], FastBatchNormalization) == replaced
