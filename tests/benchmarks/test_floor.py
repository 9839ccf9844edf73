"""Multiply-adds and bytes of layers equal those counted by hand."""

import keras

from benchmarks import floor


def built(layer: keras.layers.Layer, side: int = 8, channels: int = 3) -> keras.layers.Layer:
    inputs = keras.Input((side, side, channels))
    return keras.Model(inputs, layer(inputs)).layers[-1]


def test_multiply_adds_are_those_of_one_image():
    convolution = built(keras.layers.Conv2D(5, 3, strides=2, padding="same"))
    assert floor.multiply_adds(convolution) == 4 * 4 * (3 * 3 * 3 * 5)
    depthwise = built(keras.layers.DepthwiseConv2D(3, padding="same"))
    assert floor.multiply_adds(depthwise) == 8 * 8 * (3 * 3 * 3)
    transposed = built(keras.layers.Conv2DTranspose(5, 3, strides=2, padding="same"))
    assert floor.multiply_adds(transposed) == 8 * 8 * (3 * 3 * 3 * 5)
    assert floor.multiply_adds(built(keras.layers.ReLU())) == 0


def test_activation_bytes_are_those_of_the_layer_s_output():
    relu = built(keras.layers.ReLU())
    assert floor.activation_bytes(relu, "float32") == 8 * 8 * 3 * 4
    assert floor.activation_bytes(relu, "bfloat16") == 8 * 8 * 3 * 2


def test_folded_normalization_needs_no_memory():
    normalization = built(keras.layers.BatchNormalization())
    assert floor.activation_bytes(normalization, "float32") == 8 * 8 * 3 * 4
    normalization.trainable = False
    assert floor.activation_bytes(normalization, "float32") == 0


def test_layers_includes_inner_models_and_trains_from_the_first_trained():
    frozen, trained = (keras.layers.Conv2D(2, 1, name=name) for name in ("frozen", "trained"))
    inner = keras.Sequential([frozen, keras.layers.ReLU(name="between"), trained], name="inner")
    inputs = keras.Input((8, 8, 3))
    outer = keras.Model(inputs, keras.layers.ReLU(name="last")(inner(inputs)))
    frozen.trainable = False
    found = [(layer.name, trains) for layer, trains in floor.layers(outer)][1:]
    assert found == [("frozen", False), ("between", False), ("trained", True), ("last", True)]
