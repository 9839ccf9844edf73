"""TensorFlow's ReLU6 and ours: the same outputs, and the same gradients."""

import numpy as np
import tensorflow as tf

from petseg.models import activations


def outputs_and_gradients(operation, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = operation(inputs)
        loss = tf.reduce_sum(outputs * tf.range(1, len(inputs) + 1, dtype=inputs.dtype))
    return outputs, tape.gradient(loss, inputs)


def test_relu6():
    inputs = tf.constant([-100, -1e-3, -0.0, 0, 1e-3, 1, 5.97, 6, 6.03, 100], tf.bfloat16)
    found, expected = (outputs_and_gradients(o, inputs) for o in (activations.relu6, tf.nn.relu6))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(tf.cast(one, tf.float32), tf.cast(other, tf.float32))
