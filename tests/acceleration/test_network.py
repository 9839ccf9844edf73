"""An accelerated network is the same function of the same variables, forward and backward."""

import keras
import numpy as np
import pytest

from petseg.acceleration import TRICKS, accelerate
from petseg.acceleration.layers import (
    FastBatchNormalization,
    FastConvolution,
    FastReLU6,
    FoldedConvolution,
)
from petseg.acceleration.operations import FAST, STOCK
from tests.helpers import networks
from tests.helpers.networks import SIDE
from tests.helpers.same_function import (
    assert_same_function,
    images,
    in_float64,
    outputs_and_gradients,
)


def unet(weights, fine_tune_from="stem") -> keras.Model:
    """For five classes, in images that are no squares."""
    keras.utils.set_random_seed(0)
    return networks.unet((32, 64), 5, weights=weights, fine_tune_from=fine_tune_from)


def layers_inside(network, kind: type) -> list:
    """The layers of a kind in a network and in the models inside it."""
    return [
        found
        for layer in network.layers
        for found in (layers_inside(layer, kind) if isinstance(layer, keras.Model) else [layer])
        if isinstance(found, kind)
    ]


def test_same_logits_and_gradients(encoder_weights):
    network = in_float64(lambda: unet(encoder_weights))
    assert len(network.trainable_variables) > 100
    assert_same_function(network, accelerate(network))


@pytest.mark.parametrize("fine_tune_from", ["frozen", "block_6", "stem"])
def test_same_variables_in_the_same_order(encoder_weights, fine_tune_from):
    network = unet(encoder_weights, fine_tune_from)
    accelerated = accelerate(network)
    for kind in ("variables", "trainable_variables"):
        for model in (lambda whole: whole, lambda whole: whole.get_layer("encoder")):
            found, expected = getattr(model(accelerated), kind), getattr(model(network), kind)
            assert [id(variable) for variable in found] == [id(variable) for variable in expected]


def test_every_pair_of_a_pretrained_encoder_is_folded(encoder_weights):
    stock = unet(encoder_weights).get_layer("encoder")
    encoder = accelerate(stock)
    folded = [layer.name for layer in layers_inside(encoder, FoldedConvolution)]
    assert folded == [x.name for x in layers_inside(stock, keras.layers.BatchNormalization)]
    assert not layers_inside(encoder, keras.layers.BatchNormalization)
    assert not layers_inside(encoder, keras.layers.ZeroPadding2D)


def test_the_decoder_gets_faster_gradients_and_normalization(encoder_weights):
    accelerated = accelerate(unet(encoder_weights))
    for level in (1, 2, 3, 4):
        block = accelerated.get_layer(f"upsample_{level}")
        assert layers_inside(block, FastConvolution) == []  # they have no bias
        assert len(layers_inside(block, FastBatchNormalization)) == 1
    assert isinstance(accelerated.get_layer("classifier"), FastConvolution)


@pytest.mark.parametrize(("policy", "fast"), [("mixed_bfloat16", 1), ("float32", 0)])
def test_relu6_in_bfloat16_gets_a_faster_gradient(policy, fast):
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.ReLU(max_value=6, dtype=policy)(inputs)
    network = keras.Model(inputs, keras.layers.ReLU(dtype=policy)(outputs))
    accelerated = accelerate(network)
    assert len(layers_inside(accelerated, FastReLU6)) == fast
    small = images()[:, :8, :8]
    np.testing.assert_array_equal(network(small), accelerated(small))


def test_normalization_that_learns_its_statistics_is_fused_and_not_folded():
    accelerated = accelerate(unet(None))
    encoder = accelerated.get_layer("encoder")
    assert not layers_inside(encoder, FoldedConvolution)
    assert len(layers_inside(encoder, FastBatchNormalization)) > 40
    before = [np.array(v) for v in encoder.non_trainable_variables]
    accelerated(images((32, 64)), training=True)
    for old, new in zip(before, encoder.non_trainable_variables, strict=True):
        assert not np.array_equal(old, new)


def a_place_for_each_trick() -> keras.Model:
    """(B, 32, 32, 3) -> (B, 16, 16, 4), with random weights and statistics."""

    def kept(x):
        return keras.layers.BatchNormalization(trainable=False)(x)

    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(inputs)
    x = kept(keras.layers.Conv2D(6, 3, strides=2, use_bias=False)(x))
    x = keras.layers.ReLU(max_value=6)(x)
    x = kept(keras.layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x))
    x = keras.layers.Conv2D(5, 1)(x)
    x = keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)
    network = keras.Model(inputs, keras.layers.BatchNormalization()(x))
    rng = np.random.default_rng(2)
    network.set_weights([rng.uniform(0.1, 1, weights.shape) for weights in network.get_weights()])
    return network


WITHOUT = {
    "folding": lambda network: not layers_inside(network, FoldedConvolution),
    "padding": lambda network: layers_inside(network, keras.layers.ZeroPadding2D),
    "batch_normalization": lambda network: not layers_inside(network, FastBatchNormalization),
}
"""How a trick that is no operation shows that it is off."""


@pytest.mark.parametrize("off", TRICKS)
def test_each_trick_alone_can_be_left_out(off):
    """In float64, in which ReLU6 and normalization stay stock; test_layers has them."""
    network = in_float64(a_place_for_each_trick)
    accelerated = accelerate(network, [trick for trick in TRICKS if trick != off])
    assert_same_function(network, accelerated)


@pytest.mark.parametrize("off", [*TRICKS, None])
def test_a_trick_that_is_left_out_leaves_no_trace(off):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = a_place_for_each_trick()
    finally:
        keras.config.set_dtype_policy("float32")
    accelerated = accelerate(network, [trick for trick in TRICKS if trick != off])
    assert [trick for trick, is_off in WITHOUT.items() if is_off(accelerated)] == (
        ["folding", "padding"] if off == "folding" else [off] * (off in WITHOUT)
    )
    kinds = FoldedConvolution, FastConvolution, FastReLU6
    used = {layer.operations for kind in kinds for layer in layers_inside(accelerated, kind)}
    stock = {off: getattr(STOCK, off)} if off in FAST._fields else {}
    assert used == {FAST._replace(**stock)}


def test_without_tricks_nothing_is_replaced():
    network = a_place_for_each_trick()
    accelerated = accelerate(network, ())
    expected, found = outputs_and_gradients(network), outputs_and_gradients(accelerated)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not layers_inside(accelerated, (FoldedConvolution, FastBatchNormalization))


def test_a_network_can_be_accelerated_again_in_another_way():
    network = in_float64(a_place_for_each_trick)
    accelerate(network, ())
    for _ in range(2):
        assert_same_function(network, accelerate(network))


def test_keras_still_has_the_private_attributes_that_network_py_reads():
    """Of a graph of layers, for which Keras has no public way from a layer to those around it.

    `layer._inbound_nodes` has an entry for each call, whose `input_tensors` are what it was called
    with; an input layer has one without tensors. A tensor's `_keras_history.operation` is the layer
    that made it, and `layer._outbound_nodes` has an entry for each call that takes its output.
    """
    inputs = keras.Input((8, 8, 3))
    first, second, third = (keras.layers.Conv2D(3, 1) for _ in range(3))
    once = first(inputs)
    outputs = keras.layers.Add()([second(once), third(third(once))])
    network = keras.Model(inputs, outputs)
    assert [len(layer._inbound_nodes) for layer in (first, second, third)] == [1, 1, 2]
    assert [tensor is once for tensor in second._inbound_nodes[0].input_tensors] == [True]
    assert len(network.layers[-1]._inbound_nodes[0].input_tensors) == 2
    (of_inputs,) = network.layers[0]._inbound_nodes
    assert list(of_inputs.input_tensors) == []
    assert second.input._keras_history.operation is first
    assert network.outputs[0]._keras_history.operation is network.layers[-1]
    assert [len(layer._outbound_nodes) for layer in (first, second, third)] == [2, 1, 2]
