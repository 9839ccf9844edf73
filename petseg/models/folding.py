"""A network rewritten to take less time: the same function, forward and backward.

Batch normalization that keeps its statistics is a linear map of each channel, so it can be folded
into the kernel of the convolution before it and an offset (Jacob et al., arXiv:1712.05877, section
3.2). In training, the folded kernel is computed anew in every step from the same variables, so both
layers train as before; what goes is a pass over every activation, forward and backward. A layer of
zeros at two edges goes as well, where the convolution can add them by itself.
"""

import keras
import tensorflow as tf

from petseg.models import activations, convolutions

FOLDABLE = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
CONVOLUTIONS = *FOLDABLE, keras.layers.Conv2DTranspose

PADDED_BY_STRIDE_2 = ((0, 1), (0, 1))
"""The zeros that padding SAME puts around an even side before a 3x3 convolution with stride 2."""


def fold(network: keras.Model) -> keras.Model:
    """The same function of the same variables, in the same order, by fewer operations.

    Folded is, in `network` and in models inside it, each Conv2D or DepthwiseConv2D without bias
    whose output goes to nothing but a BatchNormalization that is not `trainable`. Transposed and
    other pointwise convolutions get quicker gradients, and so does ReLU6 in bfloat16 on CPUs.
    Whatever else a network consists of, layers and models of other classes included, stays as it
    is. To be run and not to be saved: the file of a network is that of `network` itself.
    """
    if isinstance(network, keras.Sequential) and network.built:
        network = keras.Model(network.inputs, network.outputs, name=network.name)
    if not isinstance(network, keras.Function):
        return network
    rewritten, deferred = {}, set()
    for normalization, convolution in _foldable_pairs(network):
        padding = _foldable_padding(convolution, network)
        rewritten[normalization] = FoldedConvolution(convolution, normalization, bool(padding))
        deferred |= {convolution, padding}
    rewritten |= {
        layer: quick(layer)
        for layer in network.layers
        for quick in (QuickConvolution, QuickReLU6)
        if layer not in deferred and quick.suits(layer)
    }

    def call(layer, *args, **kwargs):
        if layer in deferred:
            return args[0]
        if layer in rewritten:
            return rewritten[layer](args[0])
        if isinstance(layer, keras.Model):
            layer = fold(layer)
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


class FoldedConvolution(keras.layers.Layer):
    """A convolution and the normalization after it, (B, H, W, C) -> (B, H', W', C').

    `padded` says that the inputs come without the zeros of a layer before. The folding is computed
    in float32, the convolution in the precision of its layer.
    """

    def __init__(self, convolution, normalization, padded: bool):
        super().__init__(dtype="float32", autocast=False, name=normalization.name)
        self.convolution, self.normalization = convolution, normalization
        self.padding = "SAME" if padded else convolution.padding.upper()
        self.built = True

    def call(self, inputs):
        convolution, normalization = self.convolution, self.normalization
        variance = normalization.moving_variance + normalization.epsilon
        scale = normalization.gamma * tf.math.rsqrt(variance)
        offset = normalization.beta - normalization.moving_mean * scale

        if isinstance(convolution, keras.layers.DepthwiseConv2D):
            convolve, scale = convolutions.depthwise_convolution, scale[:, None]
        else:
            convolve = convolutions.convolution
        inputs = tf.cast(inputs, convolution.compute_dtype)
        kernel = tf.cast(convolution.kernel * scale, inputs.dtype)
        outputs = convolve(inputs, kernel, convolution.strides[0], self.padding)
        return convolutions.add_offset(outputs, tf.cast(offset, inputs.dtype))


class QuickConvolution(keras.layers.Layer):
    """A convolution with its own layer's variables and precision, and a quicker gradient."""

    def __init__(self, convolution):
        super().__init__(dtype=convolution.dtype_policy, name=convolution.name)
        self.convolution = convolution
        self.built = True

    @staticmethod
    def suits(layer: keras.layers.Layer) -> bool:
        """Whether it is one of those whose gradient is quicker so."""
        if not _is_plain(layer, CONVOLUTIONS):
            return False
        if isinstance(layer, keras.layers.Conv2DTranspose):
            return (layer.padding, layer.output_padding) == ("same", None)
        return isinstance(layer, keras.layers.Conv2D) and _shape(layer) == (1, 1, 1, 1)

    def call(self, inputs):
        layer = self.convolution
        kernel = tf.cast(layer.kernel, inputs.dtype)
        if isinstance(layer, keras.layers.Conv2DTranspose):
            outputs = convolutions.transposed_convolution(inputs, kernel, layer.strides[0])
        else:
            outputs = convolutions.convolution(inputs, kernel, 1, "SAME")
        if layer.use_bias:
            outputs = convolutions.add_offset(outputs, tf.cast(layer.bias, inputs.dtype))
        return outputs


class QuickReLU6(keras.layers.Layer):
    """A ReLU6 in its own layer's precision, with a quicker gradient."""

    def __init__(self, relu6):
        super().__init__(dtype=relu6.dtype_policy, name=relu6.name)
        self.built = True

    @staticmethod
    def suits(layer: keras.layers.Layer) -> bool:
        """Whether it is one whose gradient is quicker so."""
        return (
            type(layer) is keras.layers.ReLU
            and (layer.max_value, layer.threshold, layer.negative_slope) == (6, 0, 0)
            and layer.compute_dtype == "bfloat16"
            and not tf.config.list_physical_devices("GPU")
        )

    def call(self, inputs):
        return activations.relu6(inputs)


def _is_plain(layer: keras.layers.Layer | None, kinds: tuple[type, ...]) -> bool:
    """Whether it is of these kinds, and `convolutions` can compute it: no holes, equal steps."""
    return (
        type(layer) in kinds
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and len(set(layer.strides)) == 1
        and getattr(layer, "groups", 1) == getattr(layer, "depth_multiplier", 1) == 1
    )


def _shape(convolution: keras.layers.Layer) -> tuple[int, int, int, int]:
    return *convolution.kernel_size, *convolution.strides


def _foldable_pairs(network: keras.Model):
    """(normalization, convolution) of each pair that can be folded."""
    for layer in network.layers:
        if _is_linear(layer):
            before = _only_layer_before(layer, network)
            if _is_plain(before, FOLDABLE) and not before.use_bias:
                yield layer, before


def _is_linear(layer: keras.layers.Layer) -> bool:
    """Whether it is a normalization of channels that keeps its statistics."""
    return (
        isinstance(layer, keras.layers.BatchNormalization)
        and not layer.trainable
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
    )


def _foldable_padding(
    convolution: keras.layers.Layer, network: keras.Model
) -> keras.layers.Layer | None:
    """The layer of zeros before a convolution that would add the same ones by itself."""
    before = _only_layer_before(convolution, network)
    if not isinstance(before, keras.layers.ZeroPadding2D):
        return None
    sides = before.input.shape[1:3]
    suits = (
        _shape(convolution) == (3, 3, 2, 2)
        and convolution.padding == "valid"
        and before.padding == PADDED_BY_STRIDE_2
        and all(side and side % 2 == 0 for side in sides)
    )
    return before if suits else None


def _only_layer_before(
    layer: keras.layers.Layer, network: keras.Model
) -> keras.layers.Layer | None:
    """The layer whose output goes to `layer`, which is called once, and to nothing else."""
    before = layer.input._keras_history.operation
    returned = any(output._keras_history.operation is before for output in network.outputs)
    calls = len(layer._inbound_nodes), len(before._outbound_nodes)
    return before if calls == (1, 1) and not returned else None
