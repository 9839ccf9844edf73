"""What every encoder gives to the network above it."""

from collections.abc import Collection
from typing import NamedTuple

import keras


class Encoder(NamedTuple):
    """A network without its classifier: features at several resolutions, and what of it trains.

    `levels`, finest first: n -> features at 1 / 2**n of the input's height and width, a tensor of
    `network`, (B, H / 2**n, W / 2**n, C). `scale` and `offset` are what pixel values in [0, 255]
    are multiplied by and what is added then, as the network was pretrained: a number, or one for
    each channel. `trained` are the layers to train. `pretrained` says that it is not random.
    """

    network: keras.Model
    levels: dict[int, keras.KerasTensor]
    scale: float | list[float]
    offset: float | list[float]
    trained: Collection[keras.layers.Layer]
    pretrained: bool
