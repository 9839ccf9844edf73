"""Tiny networks of each kind; most take images (B, 32, 32, 3)."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from petseg.core.dataset_spec import DatasetSpec
from petseg.core.params import TrainUnet
from petseg.models import shallow as shallow_network
from petseg.models import unet as unet_network
from petseg.models.encoders import mobilenet_v2, storage
from petseg.training import model_file
from tests.helpers.sections import SHIPPED, changed
from tests.helpers.specs import PETS

SIDE, ALPHA = 32, 0.35
SIZE = (SIDE, SIDE)


def unet_section(**changes) -> TrainUnet:
    """Returns the shipped section with the decoder of the tutorial and a narrow encoder."""
    small = {
        "encoder_alpha": ALPHA,
        "encoder_upscale": 1,
        "fine_tune_from": "frozen",
        "decoder_filters": (8, 8, 8, 8),
        "refinement_filters": 0,
    }
    return changed(SHIPPED.train_unet, **(small | changes))


def unet(
    image_size: tuple[int, int] = SIZE, classes: int = 3, weights: Path | None = None, **changes
) -> keras.Model:
    """Builds the U-Net; without a file of `weights`, its encoder is random."""
    return unet_network.build(image_size, classes, unet_section(**changes), weights)


def shallow(image_size: tuple[int, int] = SIZE, classes: int = 3, **changes) -> keras.Model:
    """Builds the shallow network."""
    section = changed(SHIPPED.train_shallow, **({"width": 4} | changes))
    return shallow_network.build(image_size, classes, section)


def tiny(dropout: float = 0.5, image_size: tuple[int, int] = SIZE, classes: int = 3) -> keras.Model:
    """Builds two convolutions, and between them layers with a state: normalization, dropout."""
    images = keras.Input((*image_size, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    x = keras.layers.Conv2D(8, 3, padding="same", name="first")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Conv2D(classes, 3, padding="same", dtype="float32")(x)
    return keras.Model(images, x)


class BadGradient(keras.layers.Layer):
    """Returns its inputs, and multiplies their gradient by `factor`, such as 1, NaN or infinity."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones", trainable=False, name="factor")

    def call(self, inputs):
        @tf.custom_gradient
        def unchanged(x):
            return tf.identity(x), lambda upstream: upstream * tf.cast(factor, upstream.dtype)

        factor = self.factor.value
        return unchanged(inputs)


def breakable(factor: float = 1.0) -> keras.Model:
    """Builds a `tiny` that multiplies the gradient of the layer `first` by `factor`."""
    images = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    x = keras.layers.Conv2D(8, 3, padding="same", name="first")(x)
    breaking = BadGradient(name="breaking")
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="second")(breaking(x)))
    x = keras.layers.Conv2D(3, 3, padding="same", dtype="float32", name="third")(x)
    breaking.factor.assign(factor)
    return keras.Model(images, x)


def squares(
    count: int = 4, size: tuple[int, int] = SIZE, classes: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Makes grey images float32 (B, H, W, 3) of random squares; the grey level tells the label."""
    rng = np.random.default_rng(0)
    places = (count, size[0] // 8, size[1] // 8)
    masks = rng.integers(0, classes, size=places, dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    levels = np.roll(np.linspace(20, 200, classes, dtype=np.float32), 1)
    return levels[masks][..., None].repeat(3, -1), masks


def pointwise(image_size: tuple[int | None, int | None], classes: int) -> keras.Model:
    """Builds one convolution that sees single pixels; its random weights are always the same."""
    pixels = keras.Input((*image_size, 3))
    initializer = keras.initializers.GlorotUniform(seed=0)
    outputs = keras.layers.Conv2D(classes, 1, kernel_initializer=initializer)(pixels)
    return keras.Model(pixels, outputs)


def colours() -> keras.Model:
    """Builds a network that predicts pet for red, background for green and border for blue."""
    network = pointwise((16, 16), 3)
    network.set_weights([np.eye(3).reshape(1, 1, 3, 3) / 50, np.zeros(3)])
    return network


def save(network: keras.Model, path: Path, spec: DatasetSpec = PETS) -> Path:
    """Saves a network with its spec, as training does; returns the path."""
    model_file.save(network, path, spec)
    return path


def store_encoder_weights(folder: Path) -> Path:
    """Stores an encoder with random scales and statistics, as if pretrained; returns the file."""
    keras.utils.set_random_seed(0)
    network = mobilenet_v2.build(None, ALPHA)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in layer.get_weights()])
    return storage.store(network, {}, folder)
