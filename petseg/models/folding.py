"""Convolution and inference-mode batch normalization as one operation, for training.

Batch normalization that keeps its statistics is a linear map of each channel, so it can be folded
into the kernel of the convolution before it and an offset (Jacob et al., arXiv:1712.05877, section
3.2). The folded kernel is computed anew in every step from the same variables, so both layers
train as before; what goes is a pass over every activation, forward and backward.
"""

import keras
import tensorflow as tf


def fold(network: keras.Model) -> keras.Model:
    """The same function of the same variables, in the same order, by fewer operations.

    Folded is, in `network` and in functional models inside it, each Conv2D or DepthwiseConv2D
    without bias whose output goes to nothing but a BatchNormalization that is not `trainable`.
    For training: what is saved is the network itself.
    """
    convolutions = dict(_foldable_pairs(network))
    deferred = {id(convolution) for convolution in convolutions.values()}

    def call(layer, *args, **kwargs):
        if id(layer) in deferred:
            return args[0]
        if layer in convolutions:
            return FoldedConvolution(convolutions[layer], layer, name=layer.name)(args[0])
        if isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential):
            layer = fold(layer)
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


class FoldedConvolution(keras.layers.Layer):
    """A convolution and the normalization after it, (B, H, W, C) -> (B, H', W', C').

    The folding is computed in float32, the convolution in the precision of its layer.
    """

    def __init__(self, convolution, normalization, **options):
        super().__init__(dtype="float32", autocast=False, **options)
        self.convolution, self.normalization = convolution, normalization
        self.built = True

    def call(self, inputs):
        convolution, normalization = self.convolution, self.normalization
        variance = normalization.moving_variance + normalization.epsilon
        scale = normalization.gamma * tf.math.rsqrt(variance)
        offset = normalization.beta - normalization.moving_mean * scale

        inputs = tf.cast(inputs, convolution.compute_dtype)
        stride, padding = convolution.strides[0], convolution.padding.upper()
        if isinstance(convolution, keras.layers.DepthwiseConv2D):
            kernel = tf.cast(convolution.kernel * scale[:, None], inputs.dtype)
            outputs = _depthwise_convolution(inputs, kernel, stride, padding)
        else:
            kernel = tf.cast(convolution.kernel * scale, inputs.dtype)
            outputs = _convolution(inputs, kernel, stride, padding)
        return tf.nn.bias_add(outputs, tf.cast(offset, inputs.dtype))


def _convolution(inputs, kernel, stride: int, padding: str):
    """tf.nn.conv2d with a quick gradient.

    The gradient of a pointwise kernel is a matrix product of all places' inputs and upstream
    gradients, and quicker as such than as TensorFlow's operation (benchmarks/README.md).
    """

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradient(upstream):
            to_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=kernel,
                out_backprop=upstream,
                strides=[1] * 4,
                padding=padding,
            )
            places, to_places = (tf.reshape(x, (-1, x.shape[-1])) for x in (inputs, upstream))
            to_kernel = tf.matmul(places, to_places, transpose_a=True)
            return to_inputs, tf.reshape(to_kernel, kernel.shape)

        return tf.nn.conv2d(inputs, kernel, 1, padding), gradient

    if kernel.shape[:2] != (1, 1) or stride > 1:
        return tf.nn.conv2d(inputs, kernel, stride, padding)
    return convolve(inputs, kernel)


def _depthwise_convolution(inputs, kernel, stride: int, padding: str):
    """tf.nn.depthwise_conv2d with a quick gradient.

    With stride 2, TensorFlow's gradient for bfloat16 inputs takes many times that for float32 on
    CPUs (benchmarks/README.md), so that one is computed in float32.
    """
    strides = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradient(upstream):
            to_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=tf.cast(kernel, tf.float32),
                out_backprop=tf.cast(upstream, tf.float32),
                strides=strides,
                padding=padding,
            )
            to_kernel = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=inputs,
                filter_sizes=tf.shape(kernel),
                out_backprop=upstream,
                strides=strides,
                padding=padding,
            )
            return tf.cast(to_inputs, inputs.dtype), to_kernel

        return tf.nn.depthwise_conv2d(inputs, kernel, strides, padding), gradient

    if stride == 1 or inputs.dtype == tf.float32:
        return tf.nn.depthwise_conv2d(inputs, kernel, strides, padding)
    return convolve(inputs, kernel)


def _foldable_pairs(network: keras.Model):
    """(normalization, convolution) of each pair that can be folded."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.trainable:
            before = layer.input._keras_history.operation
            alone = len(before._outbound_nodes) == 1
            if isinstance(before, kinds) and not before.use_bias and alone:
                yield layer, before
