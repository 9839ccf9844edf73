"""The encoder that `train_unet.encoder` names: MobileNetV2, or a preset of KerasHub."""

from pathlib import Path

import keras

from petseg.core.params import MOBILENET_V2, TrainUnet
from petseg.models.encoders import mobilenet_v2, presets
from petseg.models.encoders.features import Encoder

SCRATCH_MOMENTUM = 0.9
"""Of the encoder's batch normalization without pretrained weights.

MobileNetV2's own 0.999 takes thousands of updates to forget the initial statistics.
"""


def build(input_size: tuple[int, int], params: TrainUnet, stored: Path | None) -> Encoder:
    """The encoder for images of `input_size`, (H, W), with its layers trainable or frozen.

    `stored` is what `storage.stored_encoder` gives: the weights file of MobileNetV2, or the folder
    of a preset; None leaves MobileNetV2 random. PetsegError where they do not fit, and where the
    encoder cannot be used.
    """
    kind = mobilenet_v2 if params.encoder == MOBILENET_V2 else presets
    encoder = kind.encoder(input_size, params, stored)
    for layer in encoder.network.layers:
        layer.trainable = layer in encoder.trained
    for layer in encoder.network._flatten_layers():  # those inside blocks, too
        if isinstance(layer, keras.layers.BatchNormalization):
            if encoder.pretrained:
                _keep_in_inference_mode(layer)
            else:
                layer.momentum = SCRATCH_MOMENTUM
    return encoder


def _keep_in_inference_mode(layer: keras.layers.BatchNormalization) -> None:
    """Keeps the pretrained statistics, and leaves scale and offset as trainable as they are.

    Calling the encoder with training=False would not do: Keras 3 overrides that argument of an
    inner call with the one that the whole model is called with.
    """
    learnt = [variable for variable in (layer.gamma, layer.beta) if variable is not None]
    scale_and_offset = [(variable, variable.trainable) for variable in learnt]
    layer.trainable = False
    for variable, trainable in scale_and_offset:
        variable.trainable = trainable
