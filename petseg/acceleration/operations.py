"""TensorFlow operations with custom gradients that are faster on CPUs.

`python -m benchmarks.tricks` measures the speedups. Inputs are (B, H, W, C) in the kernel's dtype,
float32 or bfloat16. Outputs are (B, H', W', D). Many kernel gradients are computed as matrix
products of all pixels of the inputs and of the output gradients.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import tensorflow as tf


class Operations(NamedTuple):
    """The operations of a network, each from TensorFlow or with a faster gradient.

    They have the arguments of the functions below.
    """

    conv2d: Callable
    depthwise_conv2d: Callable
    bias_add: Callable
    relu6: Callable


def conv2d(inputs, kernel, stride: int, padding: str) -> tf.Tensor:
    """Computes tf.nn.conv2d: kernel (h, w, C, D), `padding` SAME or VALID."""
    conv_args = {"strides": [1, stride, stride, 1], "padding": padding}

    def to_inputs(inputs, kernel, upstream):
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(inputs), filter=kernel, out_backprop=upstream, **conv_args
        )

    def to_kernel(inputs, kernel, upstream):
        if (*kernel.shape[:2], stride) == (1, 1, 1):
            return tf.matmul(flatten_pixels(inputs), flatten_pixels(upstream), transpose_a=True)
        return tf.raw_ops.Conv2DBackpropFilter(
            input=inputs, filter_sizes=kernel.shape, out_backprop=upstream, **conv_args
        )

    return _with_gradients(partial(tf.nn.conv2d, **conv_args), to_inputs, to_kernel)(inputs, kernel)


def depthwise_conv2d(inputs, kernel, stride: int, padding: str) -> tf.Tensor:
    """Computes tf.nn.depthwise_conv2d: kernel (h, w, C, 1), `padding` SAME or VALID.

    With stride 2, TensorFlow's gradient is many times slower on a CPU in bfloat16 than in float32,
    so it is computed in float32.
    """
    conv_args = {"strides": [1, stride, stride, 1], "padding": padding}
    gradient_dtype = tf.float32 if stride > 1 else inputs.dtype

    def to_inputs(inputs, kernel, upstream):
        gradient = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(inputs),
            filter=tf.cast(kernel, gradient_dtype),
            out_backprop=tf.cast(upstream, gradient_dtype),
            **conv_args,
        )
        return tf.cast(gradient, inputs.dtype)

    def to_kernel(inputs, kernel, upstream):
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=inputs, filter_sizes=kernel.shape, out_backprop=upstream, **conv_args
        )

    forward = partial(tf.nn.depthwise_conv2d, **conv_args)
    return _with_gradients(forward, to_inputs, to_kernel)(inputs, kernel)


def conv2d_transpose(inputs, kernel, stride: int) -> tf.Tensor:
    """Computes tf.nn.conv2d_transpose with padding SAME: kernel (h, w, D, C).

    Outputs are `stride` times larger. Uses TensorFlow's gradient: no custom one was faster in a
    training step.
    """
    batch, height, width, _ = tf.unstack(tf.shape(inputs))
    shape = (batch, height * stride, width * stride, kernel.shape[2])
    return tf.nn.conv2d_transpose(inputs, kernel, shape, [1, stride, stride, 1], "SAME")


@tf.custom_gradient
def bias_add(inputs, bias):
    """Computes tf.nn.bias_add: `bias` (C,)."""

    def gradient(upstream):
        pixels = flatten_pixels(upstream)
        ones = tf.ones((1, tf.shape(pixels)[0]), pixels.dtype)
        return upstream, tf.matmul(ones, pixels)[0]

    return tf.nn.bias_add(inputs, bias), gradient


@tf.custom_gradient
def relu6(inputs):
    """Computes tf.nn.relu6 of tensors of any shape.

    TensorFlow's gradient converts a mask to numbers and multiplies by it. In bfloat16, which
    TensorFlow's CPU code handles slowly, selecting with XLA takes half the time.
    """
    outputs = tf.nn.relu6(inputs)
    return outputs, lambda upstream: _where_linear(outputs, upstream)


@tf.function(jit_compile=True)
def _where_linear(outputs, upstream):
    return tf.where((outputs > 0) & (outputs < 6), upstream, tf.zeros_like(upstream))


def flatten_pixels(features: tf.Tensor) -> tf.Tensor:
    """Reshapes (B, H, W, C) to (B * H * W, C)."""
    return tf.reshape(features, (-1, features.shape[-1]))


def _with_gradients(forward: Callable, to_inputs: Callable, to_kernel: Callable) -> Callable:
    """Returns `forward` with these gradients, functions of inputs, kernel and upstream gradient."""

    @tf.custom_gradient
    def operation(inputs, kernel):
        def gradient(upstream):
            kernel_gradient = to_kernel(inputs, kernel, upstream)
            return to_inputs(inputs, kernel, upstream), tf.reshape(kernel_gradient, kernel.shape)

        return forward(inputs, kernel), gradient

    return operation


FAST = Operations(conv2d, depthwise_conv2d, bias_add, relu6)
STOCK = Operations(
    lambda inputs, kernel, stride, padding: tf.nn.conv2d(inputs, kernel, stride, padding),
    lambda inputs, kernel, stride, padding: tf.nn.depthwise_conv2d(
        inputs, kernel, [1, stride, stride, 1], padding
    ),
    tf.nn.bias_add,
    tf.nn.relu6,
)
