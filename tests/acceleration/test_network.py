"""An accelerated network has the same variables, outputs and gradients."""

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
    """Returns a network for five classes and non-square images."""
    keras.utils.set_random_seed(0)
    return networks.unet((32, 64), 5, weights=weights, fine_tune_from=fine_tune_from)


def layers_inside(network, kind: type) -> list:
    """Returns the layers of a type in a network, also in nested models."""
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


def test_all_layer_pairs_of_pretrained_encoder_are_folded(encoder_weights):
    stock = unet(encoder_weights).get_layer("encoder")
    encoder = accelerate(stock)
    folded = [layer.name for layer in layers_inside(encoder, FoldedConvolution)]
    assert folded == [x.name for x in layers_inside(stock, keras.layers.BatchNormalization)]
    assert not layers_inside(encoder, keras.layers.BatchNormalization)
    assert not layers_inside(encoder, keras.layers.ZeroPadding2D)


def test_decoder_gets_fast_gradients_and_normalization(encoder_weights):
    accelerated = accelerate(unet(encoder_weights))
    for level in (1, 2, 3, 4):
        block = accelerated.get_layer(f"upsample_{level}")
        assert layers_inside(block, FastConvolution) == []  # they have no bias
        assert len(layers_inside(block, FastBatchNormalization)) == 1
    assert isinstance(accelerated.get_layer("classifier"), FastConvolution)


@pytest.mark.parametrize(("policy", "fast"), [("mixed_bfloat16", 1), ("float32", 0)])
def test_relu6_in_bfloat16_gets_a_fast_gradient(policy, fast):
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.ReLU(max_value=6, dtype=policy)(inputs)
    network = keras.Model(inputs, keras.layers.ReLU(dtype=policy)(outputs))
    accelerated = accelerate(network)
    assert len(layers_inside(accelerated, FastReLU6)) == fast
    small = images()[:, :8, :8]
    np.testing.assert_array_equal(network(small), accelerated(small))


def test_trainable_normalization_is_fused_and_not_folded():
    accelerated = accelerate(unet(None))
    encoder = accelerated.get_layer("encoder")
    assert not layers_inside(encoder, FoldedConvolution)
    assert len(layers_inside(encoder, FastBatchNormalization)) > 40
    before = [np.array(v) for v in encoder.non_trainable_variables]
    accelerated(images((32, 64)), training=True)
    for old, new in zip(before, encoder.non_trainable_variables, strict=True):
        assert not np.array_equal(old, new)


def network_for_all_tricks() -> keras.Model:
    """Returns a random network, (B, 32, 32, 3) -> (B, 16, 16, 4), to which all tricks apply."""

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
"""How to detect that a trick which is not an operation is off."""


@pytest.mark.parametrize("off", TRICKS)
def test_function_is_the_same_without_any_one_trick(off):
    """In float64, which fast ReLU6 and normalization lack; test_layers tests them."""
    network = in_float64(network_for_all_tricks)
    accelerated = accelerate(network, [trick for trick in TRICKS if trick != off])
    assert_same_function(network, accelerated)


@pytest.mark.parametrize("off", [*TRICKS, None])
def test_disabled_trick_leaves_stock_layers(off):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = network_for_all_tricks()
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


def test_no_tricks_replace_no_layers():
    network = network_for_all_tricks()
    accelerated = accelerate(network, ())
    expected, found = outputs_and_gradients(network), outputs_and_gradients(accelerated)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not layers_inside(accelerated, (FoldedConvolution, FastBatchNormalization))


def test_network_can_be_accelerated_again_with_other_tricks():
    network = in_float64(network_for_all_tricks)
    accelerate(network, ())
    for _ in range(2):
        assert_same_function(network, accelerate(network))


def test_keras_has_the_private_attributes_that_network_py_uses():
    """Keras has no public API to get from a layer to its neighbours.

    `layer._inbound_nodes` has an entry for each call, with the arguments in `input_tensors`; that
    of an input layer has none. A tensor's `_keras_history.operation` is the layer that returned it.
    `layer._outbound_nodes` has an entry for each call that uses its output.
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
