"""TensorFlow's convolutions and ours: the same outputs, and the same gradients.

On whole numbers, so that what the operations compute is exact in both precisions (see
`whole_numbers`): ours are held against TensorFlow's own in float32.
"""

import numpy as np
import pytest
import tensorflow as tf

from petseg.models import convolutions
from tests.helpers.gradients import outputs_and_gradients, whole_numbers
from tests.helpers.marks import in_bfloat16

SIDE = 10
"""A kernel's gradient is a sum over all places of two images, and 2 * SIDE^2 is below 2^8."""

precisions = pytest.mark.parametrize(
    "dtype", [tf.float32, pytest.param(tf.bfloat16, marks=in_bfloat16)], ids=lambda d: d.name
)


def assert_same(ours, theirs, dtype, inputs, weights):
    """Numbers that differ at all differ by 1; algorithms that transform may leave a fraction."""
    found = outputs_and_gradients(ours, tf.cast(inputs, dtype), tf.cast(weights, dtype))
    expected = outputs_and_gradients(theirs, inputs, weights)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0.01)


@precisions
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_convolution(size, stride, padding, dtype):
    assert_same(
        lambda x, kernel: convolutions.convolution(x, kernel, stride, padding),
        lambda x, kernel: tf.nn.conv2d(x, kernel, stride, padding),
        dtype,
        whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(size, size, 4, 5),
    )


@precisions
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolution(stride, padding, dtype):
    assert_same(
        lambda x, kernel: convolutions.depthwise_convolution(x, kernel, stride, padding),
        lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], padding),
        dtype,
        whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(3, 3, 4, 1),
    )


@precisions
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (4, 2), (2, 2), (3, 1), (3, 3)])
def test_transposed_convolution(size, stride, dtype):
    outputs = (2, SIDE * stride, SIDE * stride, 5)
    assert_same(
        lambda x, kernel: convolutions.transposed_convolution(x, kernel, stride),
        lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, outputs, stride, "SAME"),
        dtype,
        whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(size, size, 5, 4),
    )


@precisions
def test_add_offset(dtype):
    assert_same(
        convolutions.add_offset, tf.nn.bias_add, dtype, whole_numbers(2, SIDE, SIDE, 4),
        whole_numbers(4),
    )  # fmt: skip
