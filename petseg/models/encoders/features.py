"""The interface of encoder and decoder."""

from collections.abc import Collection
from typing import NamedTuple

import keras


class Encoder(NamedTuple):
    """A network without classifier, and its features.

    `levels`, finest first: n -> (B, H / 2**n, W / 2**n, C). The network expects pixels in [0, 255]
    times `scale` plus `offset`: numbers, or one per channel.
    """

    network: keras.Model
    levels: dict[int, keras.KerasTensor]
    scale: float | list[float]
    offset: float | list[float]
    trained: Collection[keras.layers.Layer]
    pretrained: bool
