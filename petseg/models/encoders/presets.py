"""KerasHub backbones as encoders: any with feature maps at halved resolutions.

Source: https://keras.io/keras_hub/. KerasHub is optional.
"""

import re
from pathlib import Path
from typing import NamedTuple

import keras

from petseg.core.errors import PetsegError
from petseg.core.optional import require_keras_hub
from petseg.core.params import LEVELS, TrainUnet
from petseg.models.encoders.features import Encoder
from petseg.models.encoders.storage import require_room_for

WEIGHTS_FILE = "model.weights.h5"
"""The weights file in a preset's folder, missing if the weights are random."""

_COLOURS = re.compile("\x1b\\[[0-9;]*m")


class Preset(NamedTuple):
    """A backbone, and its image converter, if any."""

    backbone: keras.Model
    converter: keras.layers.Layer | None


def encoder(input_size: tuple[int, int], params: TrainUnet, stored: Path | None) -> Encoder:
    """Loads the backbone that `store` wrote, for images (H, W, 3).

    Raises PetsegError for unsuitable features, or layers that `fine_tune_from` cannot separate.
    """
    if stored is None:
        raise PetsegError(f"train_unet.encoder: {params.encoder} is missing; run: dvc repro")
    pretrained = (stored / WEIGHTS_FILE).exists()
    backbone, converter = load(str(stored), params.encoder, input_size, pretrained)
    levels = find_levels(backbone, input_size, params.encoder)
    black, white = params.input_range
    scale, offset = (white - black) / 255, black
    if converter is not None:
        scale = 1.0 if converter.scale is None else converter.scale
        offset = 0.0 if converter.offset is None else converter.offset
    trained = _trained(backbone, levels, params)
    return Encoder(backbone, levels, scale, offset, trained, pretrained)


def load(preset: str, name: str, input_size: tuple[int, int], weights: bool = True) -> Preset:
    """Loads a KerasHub preset by name or folder, in the current dtype policy.

    `input_size`, (H, W), is for backbones of fixed size. Raises OSError if the download fails,
    PetsegError if KerasHub is missing or cannot load the preset.
    """
    require_keras_hub(f"train_unet.encoder: {name}")
    import keras_hub as hub

    shape = {"image_shape": (*input_size, 3)}
    policy = keras.config.dtype_policy()
    try:
        config = hub.models.Backbone.from_preset(preset, load_weights=False).get_config()
        if shape.keys() - config.keys():
            shape = {}  # accepts any image size
        backbone = hub.models.Backbone.from_preset(
            preset, load_weights=weights, dtype=policy, **shape
        )
    except OSError:
        raise
    except Exception as error:  # Keras and KerasHub raise many types
        raise PetsegError(
            f"train_unet.encoder: {name} cannot be loaded by KerasHub: {reason(error)}"
        ) from None
    try:
        converter = hub.layers.ImageConverter.from_preset(preset)
    except (FileNotFoundError, ValueError):  # saved without one
        converter = None
    return Preset(backbone, converter)


def store(preset: Preset, weights: bool, folder: Path) -> None:
    """Stores a preset, with weights if `weights`; always writes the same bytes."""
    folder.mkdir(parents=True)
    require_room_for(preset.backbone, folder / WEIGHTS_FILE)
    preset.backbone.save_to_preset(str(folder))
    if preset.converter is not None:
        preset.converter.save_to_preset(str(folder))
    (folder / "metadata.json").unlink()  # contains the time
    if not weights:
        (folder / WEIGHTS_FILE).unlink()


def find_levels(
    backbone: keras.Model, input_size: tuple[int, int], name: str
) -> dict[int, keras.KerasTensor]:
    """Returns n -> features at 1 / 2**n of the input's sides, finest first.

    Prefers outputs, then pyramid outputs, then a level's last layer. Raises PetsegError if a U-Net
    needs more.
    """
    layers = [layer.output for layer in backbone.layers]
    pyramid = getattr(backbone, "pyramid_outputs", {})
    tensors = [
        tensor
        for tensor in keras.tree.flatten([layers, pyramid, backbone.output])
        if isinstance(tensor, keras.KerasTensor) and len(tensor.shape) == 4
    ]
    images = keras.Input((*input_size, 3))
    try:
        shapes = [found.shape for found in keras.Model(backbone.input, tensors)(images)]
    except ValueError as error:
        raise unusable(name, input_size, reason(error)) from None
    found: dict[int, keras.KerasTensor] = {}
    for level in range(1, len(LEVELS) + 1):
        sides = tuple(side >> level for side in input_size)
        at_level = [t for t, shape in zip(tensors, shapes, strict=True) if shape[1:3] == sides]
        found |= {level: at_level[-1]} if at_level else {}
    if not found or max(found) < 2:
        raise unusable(name, input_size, "it has no features at 1/4, 1/8, 1/16 or 1/32 of them")
    return found


def _trained(backbone: keras.Model, levels: dict, params: TrainUnet) -> list:
    """Returns the layers that levels before `fine_tune_from` do not use."""
    start = params.fine_tune_from
    if start in ("frozen", "stem"):
        return backbone.layers if start == "stem" else []
    before = [tensor for level, tensor in levels.items() if level < LEVELS.index(start) + 1]
    needed = keras.Model(backbone.input, before).layers if before else []
    trained = [layer for layer in backbone.layers if layer not in needed]
    if not any(layer.weights for layer in trained):
        raise PetsegError(
            f"train_unet.fine_tune_from: {start}: the layers of {params.encoder} cannot be "
            "separated by level; set it to frozen or stem"
        )
    return trained


def unusable(name: str, size: tuple[int, int], reason: str) -> PetsegError:
    """Returns the error for a preset that does not suit `size`, (H, W)."""
    return PetsegError(
        f"train_unet.encoder: {name} cannot be the encoder of a U-Net for images of "
        f"{size[0]}x{size[1]} pixels: {reason}"
    )


def reason(error: Exception) -> str:
    """Returns an error's most useful line; Keras's first only names the layer."""
    lines = [line for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception encountered")]
    return next(iter(telling), type(error).__name__)
