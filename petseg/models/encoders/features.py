"""The interface between an encoder and its decoder."""

from collections.abc import Collection
from typing import NamedTuple

import keras


class Encoder(NamedTuple):
    """A network without its classifier, with features at several resolutions.

    `levels`, finest first: n -> a tensor of `network`, (B, H / 2**n, W / 2**n, C). Pixel values in
    [0, 255] are multiplied by `scale`, then `offset` is added, as in pretraining: a number, or one
    for each channel. `trained` are the layers to train. `pretrained` is false for random weights.
    """

    network: keras.Model
    levels: dict[int, keras.KerasTensor]
    scale: float | list[float]
    offset: float | list[float]
    trained: Collection[keras.layers.Layer]
    pretrained: bool
