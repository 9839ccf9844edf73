"""Builds the encoder: MobileNetV2 or a KerasHub preset."""

from pathlib import Path

import keras

from petseg.core.params import MOBILENET_V2, TrainUnet
from petseg.models.encoders import mobilenet_v2, presets
from petseg.models.encoders.features import Encoder

SCRATCH_MOMENTUM = 0.9
"""Batch normalization momentum of an encoder without pretrained weights.

With MobileNetV2's own 0.999, the initial statistics last for thousands of updates.
"""


def build(input_size: tuple[int, int], params: TrainUnet, stored: Path | None) -> Encoder:
    """Builds the encoder for (H, W) images, trainable or frozen.

    `stored` is from `storage.stored_encoder`. Raises PetsegError if encoder or weights do not fit.
    """
    kind = mobilenet_v2 if params.encoder == MOBILENET_V2 else presets
    encoder = kind.encoder(input_size, params, stored)
    for layer in encoder.network.layers:
        layer.trainable = layer in encoder.trained
    for layer in encoder.network._flatten_layers():  # includes layers inside blocks
        if isinstance(layer, keras.layers.BatchNormalization):
            if encoder.pretrained:
                _keep_in_inference_mode(layer)
            else:
                layer.momentum = SCRATCH_MOMENTUM
    return encoder


def _keep_in_inference_mode(layer: keras.layers.BatchNormalization) -> None:
    """Keeps pretrained statistics, without changing whether scale and offset train.

    training=False does not work: Keras 3 overrides it with the outer call's argument.
    """
    learnt = [variable for variable in (layer.gamma, layer.beta) if variable is not None]
    scale_and_offset = [(variable, variable.trainable) for variable in learnt]
    layer.trainable = False
    for variable, trainable in scale_and_offset:
        variable.trainable = trainable
