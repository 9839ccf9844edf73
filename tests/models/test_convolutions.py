"""TensorFlow's convolutions and ours: the same outputs, and the same gradients."""

import numpy as np
import pytest
import tensorflow as tf

from petseg.models import convolutions
from tests.helpers.gradients import outputs_and_gradients, random

SIDE = 12


def assert_same(ours, theirs, inputs, weights):
    found, expected = (outputs_and_gradients(o, inputs, weights) for o in (ours, theirs))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_convolution(size, stride, padding):
    assert_same(
        lambda x, kernel: convolutions.convolution(x, kernel, stride, padding),
        lambda x, kernel: tf.nn.conv2d(x, kernel, stride, padding),
        random(2, SIDE, SIDE, 4),
        random(size, size, 4, 5),
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolution(stride, padding):
    assert_same(
        lambda x, kernel: convolutions.depthwise_convolution(x, kernel, stride, padding),
        lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], padding),
        random(2, SIDE, SIDE, 4),
        random(3, 3, 4, 1),
    )


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (4, 2), (2, 2), (3, 1), (3, 3)])
def test_transposed_convolution(size, stride):
    outputs = (2, SIDE * stride, SIDE * stride, 5)
    assert_same(
        lambda x, kernel: convolutions.transposed_convolution(x, kernel, stride),
        lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, outputs, stride, "SAME"),
        random(2, SIDE, SIDE, 4),
        random(size, size, 5, 4),
    )


def test_transposed_convolution_in_bfloat16():
    inputs, kernel = random(2, SIDE, SIDE, 4), random(3, 3, 5, 4)
    shape = (2, 2 * SIDE, 2 * SIDE, 5)
    expected = outputs_and_gradients(
        lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, shape, 2), inputs, kernel
    )
    found = outputs_and_gradients(
        lambda x, kernel: convolutions.transposed_convolution(x, kernel, 2),
        tf.cast(inputs, tf.bfloat16),
        tf.cast(kernel, tf.bfloat16),
    )
    for one, other in zip(found, expected, strict=True):
        largest = np.abs(other).max()
        np.testing.assert_allclose(tf.cast(one, tf.float32), other, atol=0.02 * largest, rtol=0)


def test_add_offset():
    assert_same(convolutions.add_offset, tf.nn.bias_add, random(2, SIDE, SIDE, 4), random(4))
