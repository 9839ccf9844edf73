"""TensorFlow's convolutions, with gradients that take a CPU less time than its own.

How much less: benchmarks/README.md. Inputs are (B, H, W, C), of the kernel's dtype, float32 or
bfloat16, and outputs (B, H', W', D). Many gradients of kernels are matrix products of what went in
at every place and the gradient of what came out.
"""

from collections.abc import Callable
from functools import partial

import tensorflow as tf


def convolution(inputs, kernel, stride: int, padding: str) -> tf.Tensor:
    """tf.nn.conv2d: kernel (h, w, C, D), `padding` SAME or VALID."""
    how = {"strides": [1, stride, stride, 1], "padding": padding}

    def to_inputs(inputs, kernel, upstream):
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(inputs), filter=kernel, out_backprop=upstream, **how
        )

    def to_kernel(inputs, kernel, upstream):
        if (*kernel.shape[:2], stride) == (1, 1, 1):
            return tf.matmul(_places(inputs), _places(upstream), transpose_a=True)
        return tf.raw_ops.Conv2DBackpropFilter(
            input=inputs, filter_sizes=kernel.shape, out_backprop=upstream, **how
        )

    return _with_gradients(partial(tf.nn.conv2d, **how), to_inputs, to_kernel)(inputs, kernel)


def depthwise_convolution(inputs, kernel, stride: int, padding: str) -> tf.Tensor:
    """tf.nn.depthwise_conv2d: kernel (h, w, C, 1), `padding` SAME or VALID.

    With stride 2, TensorFlow's gradient for bfloat16 inputs takes many times that for float32 on
    CPUs, so that one is computed in float32.
    """
    how = {"strides": [1, stride, stride, 1], "padding": padding}
    exact = tf.float32 if stride > 1 else inputs.dtype

    def to_inputs(inputs, kernel, upstream):
        result = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(inputs),
            filter=tf.cast(kernel, exact),
            out_backprop=tf.cast(upstream, exact),
            **how,
        )
        return tf.cast(result, inputs.dtype)

    def to_kernel(inputs, kernel, upstream):
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=inputs, filter_sizes=kernel.shape, out_backprop=upstream, **how
        )

    forward = partial(tf.nn.depthwise_conv2d, **how)
    return _with_gradients(forward, to_inputs, to_kernel)(inputs, kernel)


def transposed_convolution(inputs, kernel, stride: int) -> tf.Tensor:
    """tf.nn.conv2d_transpose with padding SAME: kernel (h, w, D, C), outputs `stride` times larger.

    To its kernel, each place's gradient is a patch of the gradient of the outputs. In bfloat16, to
    cut such patches takes longer than what they save, and TensorFlow's own gradient stays.
    """
    how = {"strides": [1, stride, stride, 1], "padding": "SAME"}

    def forward(inputs, kernel):
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        shape = (batch, height * stride, width * stride, kernel.shape[2])
        return tf.nn.conv2d_transpose(inputs, kernel, shape, **how)

    def to_inputs(inputs, kernel, upstream):
        return tf.nn.conv2d(upstream, kernel, **how)

    def to_kernel(inputs, kernel, upstream):
        if kernel.dtype == tf.bfloat16:
            return tf.raw_ops.Conv2DBackpropFilter(
                input=upstream, filter_sizes=kernel.shape, out_backprop=inputs, **how
            )
        sizes = [1, *kernel.shape[:2], 1]
        patches = tf.image.extract_patches(upstream, sizes, rates=[1] * 4, **how)
        return tf.matmul(_places(patches), _places(inputs), transpose_a=True)

    return _with_gradients(forward, to_inputs, to_kernel)(inputs, kernel)


@tf.custom_gradient
def add_offset(inputs, offset):
    """tf.nn.bias_add: `offset` (C,)."""

    def gradient(upstream):
        places = _places(upstream)
        ones = tf.ones((1, tf.shape(places)[0]), places.dtype)
        return upstream, tf.matmul(ones, places)[0]

    return tf.nn.bias_add(inputs, offset), gradient


def _with_gradients(forward: Callable, to_inputs: Callable, to_kernel: Callable) -> Callable:
    """`forward` of inputs and kernel, with gradients of these two and the one upstream."""

    @tf.custom_gradient
    def operation(inputs, kernel):
        def gradient(upstream):
            kernels = to_kernel(inputs, kernel, upstream)
            return to_inputs(inputs, kernel, upstream), tf.reshape(kernels, kernel.shape)

        return forward(inputs, kernel), gradient

    return operation


def _places(features):
    """(B, H, W, C) -> (B * H * W, C)."""
    return tf.reshape(features, (-1, features.shape[-1]))
