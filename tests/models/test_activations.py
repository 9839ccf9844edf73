"""TensorFlow's ReLU6 and ours: the same outputs, and the same gradients."""

import numpy as np
import tensorflow as tf

from petseg.models import activations
from tests.helpers.gradients import outputs_and_gradients


def test_relu6():
    inputs = tf.constant([-100, -1e-3, -0.0, 0, 1e-3, 1, 5.97, 6, 6.03, 100], tf.bfloat16)
    found, expected = (outputs_and_gradients(o, inputs) for o in (activations.relu6, tf.nn.relu6))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
