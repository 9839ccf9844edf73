"""Stores an encoder and its description for training."""

from pathlib import Path

import keras

from petseg.core.errors import PetsegError
from petseg.core.files import read_json, require_room, write_json

WEIGHTS = "encoder.weights.h5"
_DESCRIPTION = "encoder.json"


def store(network: keras.Model | None, description: dict, folder: Path) -> Path | None:
    """Stores weights and description; returns the weights file."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS if network else None
    if network and weights:
        require_room_for(network, weights)
        network.save_weights(weights)
    describe(description, weights, folder)
    return weights


def describe(description: dict, stored: Path | None, folder: Path) -> None:
    """Writes the encoder's description, with the name of `stored`."""
    write_json(folder / _DESCRIPTION, description | {"file": stored and stored.name})


def stored_encoder(folder: Path) -> Path | None:
    """Returns MobileNetV2's weights file, a preset's folder, or None (random).

    Raises PetsegError if there is no description.
    """
    try:
        name = read_json(folder / _DESCRIPTION)["file"]
    except (FileNotFoundError, ValueError, KeyError):
        raise PetsegError(
            f"{folder} contains no encoder; get it with: dvc repro -f download"
        ) from None
    return folder / name if name else None


def require_room_for(network: keras.Model, path: Path) -> None:
    """Raises PetsegError if the disk is too full; HDF5 would crash."""
    require_room(path, sum(array.nbytes + 4096 for array in network.get_weights()))
