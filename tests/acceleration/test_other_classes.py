"""Layers and models of unknown classes, as users may pass to `petseg predict`."""

import keras
import numpy as np
import pytest

from petseg.acceleration import accelerate
from tests.helpers.networks import SIDE
from tests.helpers.same_function import (
    assert_same_function,
    images,
    in_float64,
)


class Doubling(keras.layers.Conv2D):
    """A subclass that computes something else than its base class."""

    def call(self, inputs):
        return 2 * super().call(inputs)


class Shifting(keras.layers.BatchNormalization):
    """The same for batch normalization."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask) + 3


class Padding(keras.layers.ZeroPadding2D):
    """The same for zero padding."""

    def call(self, inputs):
        return super().call(inputs) + 1


class Inner(keras.Model):
    """A subclassed model, without a graph of layers."""

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(4, 1)

    def call(self, inputs):
        return 2 * self.convolution(inputs)


OTHERS = {
    "a convolution": lambda x: keras.layers.BatchNormalization(trainable=False)(
        Doubling(4, 3, use_bias=False)(x)
    ),
    "a pointwise convolution": lambda x: Doubling(4, 1)(x),
    "a normalization": lambda x: Shifting(trainable=False)(
        keras.layers.Conv2D(4, 3, use_bias=False)(x)
    ),
    "a normalization that learns": Shifting(),
    "a padding": lambda x: keras.layers.BatchNormalization(trainable=False)(
        keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(Padding(((0, 1), (0, 1)))(x))
    ),
    "a model": lambda x: keras.layers.Conv2D(4, 1)(Inner()(x)),
    "a model among known layers": lambda x: keras.Sequential(
        [keras.layers.Conv2D(4, 1), keras.layers.BatchNormalization(), Doubling(4, 1)]
    )(x),
    "a layer that is called twice": lambda x: (lambda layer: layer(layer(x)))(
        keras.layers.Conv2D(3, 1)
    ),
    "a normalization in inference mode by its call": lambda x: keras.layers.BatchNormalization(
        trainable=False
    )(keras.layers.Conv2D(4, 3, use_bias=False)(x), training=False),
}


@pytest.mark.parametrize("part", OTHERS.values(), ids=OTHERS)
def test_layers_of_other_classes_keep_their_function(part):
    def build():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((SIDE, SIDE, 3))
        return keras.Model(inputs, part(inputs))

    network = in_float64(build)
    assert_same_function(network, accelerate(network))


def test_training_argument_of_a_call_is_kept():
    """The network itself is called without `training`."""
    inputs = keras.Input((SIDE, SIDE, 3))
    normalization = keras.layers.BatchNormalization()
    network = keras.Model(inputs, normalization(inputs, training=True))
    before = normalization.get_weights()
    results = []
    for model in (network, accelerate(network)):
        normalization.set_weights(before)
        results.append([model(images()).numpy(), *normalization.get_weights()])
    for stock, fast in zip(*results, strict=True):
        np.testing.assert_allclose(stock, fast, rtol=1e-3, atol=1e-3)
    assert np.abs(results[0][0]).max() < 3


def test_subclassed_network_is_returned_unchanged():
    network = Inner()
    assert accelerate(network) is network
