"""MobileNetV2 without its classifier, and its weights on disk.

Source: Sandler et al., arXiv:1801.04381; https://keras.io/api/applications/mobilenet/.
"""

from pathlib import Path

import keras

from petseg.errors import PetsegError
from petseg.files import read_json, write_json

_WEIGHTS = "encoder.weights.h5"
_DESCRIPTION = "encoder.json"


def build(image_size: int | None, alpha: float, weights: Path | None = None) -> keras.Model:
    """Images (B, S, S, 3) in [-1, 1] -> features (B, S/32, S/32, C), S = `image_size` or any.

    `weights` is a Keras weights file, None leaves them random. PetsegError where they do not fit.
    """
    shape = (image_size, image_size, 3)
    model = keras.applications.MobileNetV2(shape, alpha=alpha, include_top=False, weights=None)
    if weights:
        _load_weights(model, weights, alpha)
    return model


def fetch_imagenet(alpha: float) -> keras.Model:
    """The network with its ImageNet weights, which Keras downloads into its own cache.

    Keras raises a plain Exception where the download fails, ValueError for an unknown `alpha`.
    """
    return keras.applications.MobileNetV2(
        (224, 224, 3), alpha=alpha, include_top=False, weights="imagenet"
    )


def store(network: keras.Model | None, description: dict, folder: Path) -> Path | None:
    """Puts a network's weights and their description into `folder`; returns the weights file."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / _WEIGHTS if network else None
    if weights:
        network.save_weights(weights)
    write_json(folder / _DESCRIPTION, description | {"file": weights and weights.name})
    return weights


def stored_weights(folder: Path) -> Path | None:
    """The weights file in a folder that `store` filled, or None where none were wanted."""
    try:
        name = read_json(folder / _DESCRIPTION)["file"]
    except (FileNotFoundError, ValueError, KeyError):
        raise PetsegError(
            f"{folder} holds no encoder; bring it with: dvc repro -f download"
        ) from None
    return folder / name if name else None


def _load_weights(model: keras.Model, path: Path, alpha: float) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PetsegError(
            f"{path} does not hold weights of MobileNetV2 with encoder_alpha {alpha} and no "
            f"classifier ({model.count_params():,} values were expected): {reason}"
        ) from None
