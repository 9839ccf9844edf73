"""Faster replacements for stock Keras layers, with the same variables and results.

Each wraps the layers that it replaces and has no variables of its own. `matches` tests whether a
layer can be replaced.
"""

import keras
import tensorflow as tf

from petseg.acceleration.operations import Operations, conv2d_transpose

CONVOLUTIONS_TO_FOLD = keras.layers.Conv2D, keras.layers.DepthwiseConv2D


class FoldedConvolution(keras.layers.Layer):
    """A convolution and the batch normalization after it, (B, H, W, C) -> (B, H', W', D).

    Batch normalization in inference mode is linear in each channel, so it can be folded into the
    kernel and a bias (Jacob et al., arXiv:1712.05877, section 3.2). Each step computes the folded
    kernel again, so both layers train as before. Folding uses float32, the convolution the
    precision of its layer. With `pads`, the convolution adds the zeros of the removed padding layer
    before it.
    """

    def __init__(self, convolution, normalization, pads: bool, operations: Operations):
        super().__init__(dtype="float32", autocast=False, name=normalization.name)
        self.operations = operations
        self.convolution, self.normalization = convolution, normalization
        self.padding = "SAME" if pads else convolution.padding.upper()
        self.built = True

    @staticmethod
    def matches(convolution, normalization) -> bool:
        """Returns whether the two can be folded, if nothing else reads the convolution's output."""
        return (
            is_plain_convolution(convolution, CONVOLUTIONS_TO_FOLD)
            and not convolution.use_bias
            and type(normalization) is keras.layers.BatchNormalization
            and not normalization.trainable  # so its statistics are fixed
            and normalization.axis in (-1, 3)
            and normalization.scale
            and normalization.center
        )

    def call(self, inputs, training=None, mask=None):
        del training, mask  # the statistics are fixed
        convolution, normalization = self.convolution, self.normalization
        variance = normalization.moving_variance + normalization.epsilon
        scale = normalization.gamma * tf.math.rsqrt(variance)
        bias = normalization.beta - normalization.moving_mean * scale

        if isinstance(convolution, keras.layers.DepthwiseConv2D):
            convolve, scale = self.operations.depthwise_conv2d, scale[:, None]
        else:
            convolve = self.operations.conv2d
        inputs = tf.cast(inputs, convolution.compute_dtype)
        kernel = tf.cast(convolution.kernel * scale, inputs.dtype)
        outputs = convolve(inputs, kernel, convolution.strides[0], self.padding)
        return self.operations.bias_add(outputs, tf.cast(bias, inputs.dtype))


class FastConvolution(keras.layers.Layer):
    """A pointwise convolution, or a transposed one with a bias, with faster gradients."""

    def __init__(self, convolution, operations: Operations):
        super().__init__(dtype=convolution.dtype_policy, name=convolution.name)
        self.operations = operations
        self.convolution = convolution
        self.built = True

    @staticmethod
    def matches(layer) -> bool:
        """Returns whether it is a plain pointwise convolution, or transposed with padding SAME."""
        if is_plain_convolution(layer, (keras.layers.Conv2DTranspose,)):
            same = (layer.padding, layer.output_padding) == ("same", None)
            return same and layer.use_bias  # only the gradient of the bias is faster
        pointwise = is_plain_convolution(layer, (keras.layers.Conv2D,))
        return pointwise and (*layer.kernel_size, *layer.strides) == (1, 1, 1, 1)

    def call(self, inputs):
        layer = self.convolution
        kernel = tf.cast(layer.kernel, inputs.dtype)
        if isinstance(layer, keras.layers.Conv2DTranspose):
            outputs = conv2d_transpose(inputs, kernel, layer.strides[0])
        else:
            outputs = self.operations.conv2d(inputs, kernel, 1, "SAME")
        if layer.use_bias:
            outputs = self.operations.bias_add(outputs, tf.cast(layer.bias, inputs.dtype))
        return outputs


class FastBatchNormalization(keras.layers.Layer):
    """Batch normalization over the last axis of (B, H, W, C) by one fused operation.

    Keras's layer consists of many operations, each of which reads the whole activation. Statistics
    are computed in float32 in any precision. The stock layer still runs in inference mode, with a
    mask, and with synchronization over replicas, which the fused operation lacks. Source of the
    operation: Ioffe and Szegedy, arXiv:1502.03167.
    """

    def __init__(self, normalization, operations: Operations):
        del operations
        super().__init__(dtype="float32", autocast=False, name=normalization.name)
        self.normalization = normalization
        self.supports_masking = True
        self.built = True

    @staticmethod
    def matches(layer) -> bool:
        """Returns whether it is a trainable stock layer that normalizes channels."""
        return (
            type(layer) is keras.layers.BatchNormalization
            and layer.trainable
            and layer.axis in (-1, 3)
            and layer.scale
            and layer.center
            and layer.compute_dtype != "float64"
        )

    def call(self, inputs, training=None, mask=None):
        layer = self.normalization
        fused = training and layer.trainable and not layer.synchronized
        if not fused or mask is not None or inputs.shape.rank != 4:
            return layer(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, layer.compute_dtype),
            scale=layer.gamma.value,
            offset=layer.beta.value,
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operation returns the unbiased variance; the stock layer stores the biased one.
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        self._update(layer.moving_mean, mean)
        self._update(layer.moving_variance, variance * (count - 1) / count)
        return outputs

    def _update(self, average, value) -> None:
        momentum = self.normalization.momentum
        average.assign(average * momentum + value * (1 - momentum))


class FastReLU6(keras.layers.Layer):
    """ReLU6 with a faster gradient in bfloat16 on CPUs."""

    def __init__(self, relu6, operations: Operations):
        super().__init__(dtype=relu6.dtype_policy, name=relu6.name)
        self.operations = operations
        self.built = True

    @staticmethod
    def matches(layer) -> bool:
        """Returns whether it is a ReLU6 in bfloat16, on a machine without GPUs."""
        return (
            type(layer) is keras.layers.ReLU
            and (layer.max_value, layer.threshold, layer.negative_slope) == (6, 0, 0)
            and layer.compute_dtype == "bfloat16"
            and not tf.config.list_physical_devices("GPU")
        )

    def call(self, inputs):
        return self.operations.relu6(inputs)


def is_plain_convolution(layer, kinds: tuple[type, ...]) -> bool:
    """Returns whether it is of `kinds`, with equal strides, no dilation, groups or activation."""
    return (
        type(layer) in kinds
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and len(set(layer.strides)) == 1
        and getattr(layer, "groups", 1) == getattr(layer, "depth_multiplier", 1) == 1
    )
