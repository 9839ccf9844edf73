"""A folded network is the same function of the same variables, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.models import mobilenet_unet
from petseg.models.folding import FoldedConvolution, QuickConvolution, QuickReLU6, fold
from tests.helpers import networks
from tests.helpers.gradients import whole_numbers
from tests.helpers.marks import in_bfloat16
from tests.helpers.networks import SIDE


def unet(weights, fine_tune_from="stem") -> keras.Model:
    keras.utils.set_random_seed(0)
    return networks.unet(encoder_weights=weights, fine_tune_from=fine_tune_from)


def photographs() -> tf.Tensor:
    values = np.random.default_rng(1).uniform(0, 255, (4, SIDE, SIDE, 3))
    return tf.constant(values, tf.float32)


def logits_and_gradients(network):
    variables = network.trainable_variables
    with tf.GradientTape() as tape:
        logits = network(photographs(), training=True)
        loss = tf.reduce_mean(logits**2)
    return logits, tape.gradient(loss, [variable.value for variable in variables])


def assert_same_outputs(network, folded, **tolerance):
    """Every output of both on small photographs: to the bit, where no tolerance is given."""
    pictures = photographs()[:, :8, :8]
    outputs = keras.tree.flatten(network(pictures)), keras.tree.flatten(folded(pictures))
    for stock, quick in zip(*outputs, strict=True):
        np.testing.assert_allclose(stock, quick, **({"rtol": 0} | tolerance))


def folded_layers(network) -> list:
    return [layer for layer in network.layers if isinstance(layer, FoldedConvolution)]


def test_same_logits_and_gradients(encoder_weights):
    """In float64, so that what is left of a difference is one of formulas and not of rounding.

    Float32 stays where a gradient is computed in it, and where the weights come from.
    """
    keras.config.set_dtype_policy("float64")
    try:
        network = unet(encoder_weights)
    finally:
        keras.config.set_dtype_policy("float32")
    logits, gradients = logits_and_gradients(network)
    folded_logits, folded_gradients = logits_and_gradients(fold(network))
    np.testing.assert_allclose(logits, folded_logits, rtol=1e-6, atol=1e-6)
    assert len(gradients) == len(folded_gradients) > 100
    for gradient, folded in zip(gradients, folded_gradients, strict=True):
        scale = np.abs(gradient).max() + 1e-9
        np.testing.assert_allclose(gradient / scale, folded / scale, rtol=0, atol=1e-6)


@pytest.mark.parametrize("fine_tune_from", ["frozen", "block_6", "stem"])
def test_same_variables_in_the_same_order(encoder_weights, fine_tune_from):
    network = unet(encoder_weights, fine_tune_from)
    folded = fold(network)
    for kind in ("variables", "trainable_variables"):
        assert [id(v) for v in getattr(folded, kind)] == [id(v) for v in getattr(network, kind)]
    found = mobilenet_unet.encoder_variables(folded)
    expected = mobilenet_unet.encoder_variables(network)
    assert [id(v) for v in found] == [id(v) for v in expected]


def normalizations(network) -> list:
    kind = keras.layers.BatchNormalization
    return [layer.name for layer in network.layers if isinstance(layer, kind)]


def test_every_pair_of_a_pretrained_encoder_is_folded(encoder_weights):
    network = unet(encoder_weights)
    encoder = fold(network).get_layer("encoder")
    assert [layer.name for layer in folded_layers(encoder)] == normalizations(
        network.get_layer("encoder")
    )
    assert not normalizations(encoder)
    assert not [layer for layer in encoder.layers if isinstance(layer, keras.layers.ZeroPadding2D)]


def test_the_decoder_gets_quicker_gradients(encoder_weights):
    folded = fold(unet(encoder_weights))
    blocks = [folded.get_layer(f"upsample_{level}") for level in (1, 2, 3, 4)]
    quick = [[isinstance(x, QuickConvolution) for x in block.layers] for block in blocks]
    assert [sum(kinds) for kinds in quick] == [1, 1, 1, 1]
    assert isinstance(folded.get_layer("classifier"), QuickConvolution)


@pytest.mark.parametrize(("policy", "quick"), [("mixed_bfloat16", 1), ("float32", 0)])
def test_relu6_in_bfloat16_gets_a_quicker_gradient(policy, quick):
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.ReLU(max_value=6, dtype=policy)(inputs)
    network = keras.Model(inputs, keras.layers.ReLU(dtype=policy)(outputs))
    folded = fold(network)
    assert sum(isinstance(layer, QuickReLU6) for layer in folded.layers) == quick
    assert_same_outputs(network, folded)


def test_zeros_that_the_convolution_would_not_add_stay():
    inputs = keras.Input((8, 8, 3))
    padded = keras.layers.ZeroPadding2D(((1, 0), (1, 0)))(inputs)
    raw = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(padded)
    normalization = keras.layers.BatchNormalization()
    normalization.trainable = False
    network = keras.Model(inputs, normalization(raw))
    assert_same_outputs(network, fold(network), rtol=1e-4, atol=1e-3)


def test_normalization_that_learns_its_statistics_is_not_folded():
    folded = fold(unet(None))
    assert not folded_layers(folded.get_layer("encoder"))
    before = [np.array(v) for v in folded.non_trainable_variables]
    folded(photographs(), training=True)
    assert any(
        not np.array_equal(old, new)
        for old, new in zip(before, folded.non_trainable_variables, strict=True)
    )


def test_a_convolution_that_others_read_too_is_not_folded():
    inputs = keras.Input((8, 8, 3))
    raw = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    normalization = keras.layers.BatchNormalization()
    normalization.trainable = False
    network = keras.Model(inputs, keras.layers.Concatenate()([raw, normalization(raw)]))
    folded = fold(network)
    assert not folded_layers(folded)
    assert_same_outputs(network, folded)


def kept(x):
    """Batch normalization that keeps its statistics, which are not those of a new one."""
    normalization = keras.layers.BatchNormalization()
    y = normalization(x)
    rng = np.random.default_rng(2)
    normalization.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in normalization.weights])
    normalization.trainable = False
    return y


FOREIGN = {
    "dilated": lambda x: kept(keras.layers.Conv2D(4, 3, dilation_rate=2, use_bias=False)(x)),
    "dilated depthwise": lambda x: kept(
        keras.layers.DepthwiseConv2D(3, dilation_rate=2, use_bias=False)(x)
    ),
    "two groups": lambda x: kept(keras.layers.Conv2D(4, 3, groups=2, use_bias=False)(x)),
    "two filters for a channel": lambda x: kept(
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(x)
    ),
    "unequal strides": lambda x: kept(keras.layers.Conv2D(4, 3, (1, 2), use_bias=False)(x)),
    "active before it is normalized": lambda x: kept(
        keras.layers.Conv2D(4, 3, activation="relu", use_bias=False)(x)
    ),
    "transposed and normalized": lambda x: kept(
        keras.layers.Conv2DTranspose(4, 3, 2, "same", use_bias=False)(x)
    ),
    "transposed in unequal strides": lambda x: keras.layers.Conv2DTranspose(4, 3, (1, 2), "same")(
        x
    ),
    "transposed and dilated": lambda x: keras.layers.Conv2DTranspose(
        4, 3, padding="same", dilation_rate=2
    )(x),
    "a normalization without scale": lambda x: keras.layers.BatchNormalization(
        scale=False, trainable=False
    )(keras.layers.Conv2D(4, 3, use_bias=False)(x)),
    "padded the same way twice": lambda x: kept(
        keras.layers.Conv2D(4, 3, 2, padding="same", use_bias=False)(
            keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        )
    ),
}
"""Parts of networks that others may give to `petseg predict`: (B, H, W, 4) -> (B, H', W', C)."""


@pytest.mark.parametrize("part", FOREIGN.values(), ids=FOREIGN)
def test_what_cannot_be_folded_stays_as_it_is(part):
    inputs = keras.Input((8, 8, 4))
    network = keras.Model(inputs, part(inputs))
    features = np.random.default_rng(3).normal(size=(2, 8, 8, 4)).astype(np.float32)
    np.testing.assert_allclose(network(features), fold(network)(features), rtol=1e-4, atol=1e-4)


def test_a_normalization_that_is_called_twice_is_not_folded():
    inputs = keras.Input((8, 8, 3))
    raw = [keras.layers.Conv2D(4, 3, use_bias=False)(inputs) for _ in range(2)]
    normalization = keras.layers.BatchNormalization(trainable=False)
    network = keras.Model(inputs, [normalization(raw[0]), normalization(raw[1])])
    folded = fold(network)
    assert not folded_layers(folded)
    assert_same_outputs(network, folded)


def test_a_convolution_whose_output_is_returned_is_not_folded():
    inputs = keras.Input((8, 8, 3))
    raw = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    network = keras.Model(inputs, [raw, kept(raw)])
    assert_same_outputs(network, fold(network))


def test_sequential_networks_are_folded_too():
    raw = keras.layers.Conv2D(4, 3, use_bias=False)
    normalization = keras.layers.BatchNormalization(trainable=False)
    network = keras.Sequential([keras.Input((8, 8, 3)), raw, normalization])
    assert_same_outputs(network, fold(network), rtol=1e-4, atol=1e-3)


def test_networks_of_a_class_of_their_own_stay_as_they_are():
    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Conv2D(3, 1)

        def call(self, inputs):
            return self.layer(inputs) * 2

    network = Network()
    assert fold(network) is network


@in_bfloat16
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_gradients_in_bfloat16_are_those_in_float32(stride):
    """Of whole numbers, with at most 2^8 places to sum over: exact in both."""
    shape = (4, 8, 8, 8)

    def gradients(policy):
        inputs = keras.Input(shape[1:], dtype="float32")
        convolution = keras.layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, dtype=policy
        )
        normalization = keras.layers.BatchNormalization(epsilon=0, dtype=policy)
        normalization.trainable = False
        folded = fold(keras.Model(inputs, normalization(convolution(inputs))))
        assert folded_layers(folded)
        convolution.set_weights([whole_numbers(3, 3, 8, 1)])
        pictures, kernel = whole_numbers(*shape), convolution.kernel
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            outputs = tf.cast(folded(pictures, training=True), tf.float32)
            total = tf.reduce_sum(outputs * whole_numbers(*outputs.shape))
        return tape.gradient(total, [pictures, kernel.value])

    for exact, rounded in zip(gradients("float32"), gradients("mixed_bfloat16"), strict=True):
        np.testing.assert_allclose(exact, rounded, rtol=0, atol=0.01)
