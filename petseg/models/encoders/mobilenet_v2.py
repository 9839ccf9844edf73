"""MobileNetV2 without its classifier, and its weights on disk.

Source: Sandler et al., arXiv:1801.04381; https://keras.io/api/applications/mobilenet/.
"""

import urllib.request
from pathlib import Path

import keras

from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file, read_json, require_room, write_json

IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
"""Where Keras Applications keeps its files of ImageNet weights."""

_WEIGHTS = "encoder.weights.h5"
_DESCRIPTION = "encoder.json"


def build(
    image_size: tuple[int, int] | None, alpha: float, weights: Path | None = None
) -> keras.Model:
    """Images (B, H, W, 3) in [-1, 1] -> features (B, H/32, W/32, C); (H, W) is `image_size` or any.

    `weights` is a Keras weights file, None leaves them random. PetsegError where they do not fit.
    """
    shape = (*(image_size or (None, None)), 3)
    model = keras.applications.MobileNetV2(shape, alpha=alpha, include_top=False, weights=None)
    if weights:
        _load_weights(model, weights, alpha)
    return model


def imagenet_file(alpha: float) -> str:
    """The name of Keras's file of ImageNet weights without a classifier."""
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5"


def fetch_imagenet(alpha: float, folder: Path) -> Path:
    """Keras's file of ImageNet weights in `folder`, downloaded whole where it is not there yet.

    OSError or HTTPException where the download fails or is cut, PetsegError where it brings
    something else. Keras's own download would take half a file, which a killed process left, for
    a whole one.
    """
    path = folder / imagenet_file(alpha)
    if not path.is_file():
        with (
            atomic_file(path) as temporary,
            urllib.request.urlopen(IMAGENET_URL + path.name, timeout=60) as answer,
        ):
            temporary.write_bytes(answer.read())
            build(None, alpha, temporary)  # rejects an HTML error page
    return path


def store(network: keras.Model | None, description: dict, folder: Path) -> Path | None:
    """Puts a network's weights and their description into `folder`; returns the weights file."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / _WEIGHTS if network else None
    if weights:
        # Beforehand: the HDF5 library crashes where the disk is full.
        require_room(weights, sum(array.nbytes + 4096 for array in network.get_weights()))
        network.save_weights(weights)
    write_json(folder / _DESCRIPTION, description | {"file": weights and weights.name})
    return weights


def stored_weights(folder: Path) -> Path | None:
    """The weights file in a folder that `store` filled, or None where it was told to be random."""
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
    except Exception as error:  # Keras, h5py and zipfile let out errors of many kinds
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise PetsegError(
            f"{path} does not hold weights of MobileNetV2 with encoder_alpha {alpha} and no "
            f"classifier ({model.count_params():,} values were expected): {reason}"
        ) from None
