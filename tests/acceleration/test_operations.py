"""Fast operations have the outputs and gradients of TensorFlow's.

With integers, all results are exact in both precisions (see `whole_numbers`), so the fast
operations are compared with TensorFlow's in float32.
"""

import numpy as np
import pytest
import tensorflow as tf

from petseg.acceleration.operations import FAST, STOCK, conv2d_transpose
from tests.helpers.gradients import outputs_and_gradients, whole_numbers
from tests.helpers.marks import in_half_precision

SIDE = 10
"""A kernel's gradient is a sum over all pixels of two images, and 2 * SIDE^2 is below 2^8."""

precisions = pytest.mark.parametrize(
    "dtype", [tf.float32, pytest.param(tf.bfloat16, marks=in_half_precision)], ids=lambda d: d.name
)


def assert_same(ours, theirs, dtype, inputs, weights):
    """Wrong results differ by at least 1. Transform-based algorithms may leave a small fraction."""
    found = outputs_and_gradients(ours, tf.cast(inputs, dtype), tf.cast(weights, dtype))
    expected = outputs_and_gradients(theirs, inputs, weights)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0.01)


sets = pytest.mark.parametrize("operations", [FAST, STOCK], ids=["fast", "stock"])
"""STOCK has the arguments of FAST, so it is compared with TensorFlow's functions, too."""


@precisions
@sets
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_conv2d(operations, size, stride, padding, dtype):
    assert_same(
        lambda x, kernel: operations.conv2d(x, kernel, stride, padding),
        lambda x, kernel: tf.nn.conv2d(x, kernel, stride, padding),
        dtype,
        whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(size, size, 4, 5),
    )


@precisions
@sets
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_conv2d(operations, stride, padding, dtype):
    assert_same(
        lambda x, kernel: operations.depthwise_conv2d(x, kernel, stride, padding),
        lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], padding),
        dtype,
        whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(3, 3, 4, 1),
    )


@precisions
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (4, 2), (2, 2), (3, 1), (3, 3)])
def test_conv2d_transpose(size, stride, dtype):
    outputs = (2, SIDE * stride, SIDE * stride, 5)
    assert_same(
        lambda x, kernel: conv2d_transpose(x, kernel, stride),
        lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, outputs, stride, "SAME"),
        dtype,
        whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(size, size, 5, 4),
    )


@precisions
@sets
def test_bias_add(operations, dtype):
    images, bias = whole_numbers(2, SIDE, SIDE, 4), whole_numbers(4)
    assert_same(operations.bias_add, tf.nn.bias_add, dtype, images, bias)


@sets
def test_relu6(operations):
    inputs = tf.constant([-100, -1e-3, -0.0, 0, 1e-3, 1, 5.97, 6, 6.03, 100], tf.bfloat16)
    found, expected = (outputs_and_gradients(o, inputs) for o in (operations.relu6, tf.nn.relu6))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
