"""A network of each kind, so small that a test can wait for it; most see (B, 32, 32, 3)."""

from pathlib import Path

import keras
import numpy as np

from petseg.models import mobilenet_unet, mobilenet_v2
from petseg.models import shallow as shallow_network

SIDE, ALPHA = 32, 0.35


def unet(**changes) -> keras.Model:
    """The U-Net, with a random encoder."""
    small = {"encoder_weights": None, "encoder_alpha": ALPHA, "decoder_filters": (8, 8, 8, 8)}
    return mobilenet_unet.build(SIDE, **(small | changes))


def shallow(**changes) -> keras.Model:
    """The shallow network."""
    return shallow_network.build(SIDE, **({"width": 4} | changes))


def tiny(batch_norm: type = keras.layers.BatchNormalization, dropout: float = 0.5) -> keras.Model:
    """Two convolutions, and between them what has a state of its own: normalization, dropout."""
    photographs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(photographs)
    x = keras.layers.Conv2D(8, 3, padding="same", name="first")(x)
    x = keras.layers.Dropout(dropout)(keras.layers.ReLU()(batch_norm()(x)))
    x = keras.layers.Conv2D(3, 3, padding="same", dtype="float32")(x)
    return keras.Model(photographs, x)


def colours(side: int = 16) -> keras.Model:
    """Takes red for pet, green for background and blue for border, (B, side, side, 3)."""
    pixels = keras.Input((side, side, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(3, 1, use_bias=False)(pixels))
    network.set_weights([np.eye(3).reshape(1, 1, 3, 3) / 50])
    return network


def store_encoder_weights(folder: Path) -> Path:
    """A file as of a pretrained encoder, whose scales and statistics are not those of a new one."""
    keras.utils.set_random_seed(0)
    network = mobilenet_v2.build(None, ALPHA)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in layer.get_weights()])
    return mobilenet_v2.store(network, {}, folder)
