"""The fused layer against the stock one: same variables, same numbers, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.models.normalization import FusedBatchNormalization
from tests.helpers.marks import in_bfloat16

X = np.random.default_rng(0).normal(3, 2, size=(4, 6, 5, 7)).astype(np.float32)


def pair(**options):
    layers = [
        kind(**options) for kind in (FusedBatchNormalization, keras.layers.BatchNormalization)
    ]
    rng = np.random.default_rng(1)
    for layer in layers:
        layer.build(X.shape)
    values = [rng.uniform(0.5, 2, size=v.shape) for v in layers[0].weights]
    for layer in layers:
        layer.set_weights(values)
    return layers


def test_same_variables_and_configuration():
    fused, stock = pair(momentum=0.9)
    assert [(v.name, v.shape) for v in fused.weights] == [(v.name, v.shape) for v in stock.weights]
    assert fused.get_config() | {"name": ""} == stock.get_config() | {"name": ""}


@pytest.mark.parametrize("training", [True, False])
def test_same_outputs_gradients_and_statistics(training):
    results = []
    for layer in pair():
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=training)
            loss = tf.reduce_sum(outputs**3)
        sources = [x, layer.gamma.value, layer.beta.value]
        gradients = tape.gradient(loss, sources)
        results.append([outputs, *gradients, layer.moving_mean, layer.moving_variance])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_a_frozen_layer_keeps_its_statistics():
    fused, _ = pair()
    fused.trainable = False
    before = fused.get_weights()
    fused(X, training=True)
    for one, other in zip(before, fused.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@in_bfloat16
def test_statistics_stay_float32_in_mixed_precision():
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    outputs = layer(tf.cast(X, tf.bfloat16), training=True)
    assert outputs.dtype == tf.bfloat16
    assert {v.dtype for v in layer.weights} == {"float32"}
    rounded = tf.cast(tf.cast(X, tf.bfloat16), tf.float32).numpy()
    np.testing.assert_allclose(layer.moving_mean, 0.01 * rounded.mean(axis=(0, 1, 2)), rtol=1e-4)
