"""An encoder on disk, as `download` leaves it for training: its files, and what they are."""

from pathlib import Path

import keras

from petseg.core.errors import PetsegError
from petseg.core.files import read_json, require_room, write_json

WEIGHTS = "encoder.weights.h5"
_DESCRIPTION = "encoder.json"


def store(network: keras.Model | None, description: dict, folder: Path) -> Path | None:
    """Puts a network's weights and their description into `folder`; returns the weights file."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS if network else None
    if network and weights:
        require_room_for(network, weights)
        network.save_weights(weights)
    describe(description, weights, folder)
    return weights


def describe(description: dict, stored: Path | None, folder: Path) -> None:
    """Writes what the encoder in `folder` is, and which of the files there `stored` is."""
    write_json(folder / _DESCRIPTION, description | {"file": stored and stored.name})


def stored_encoder(folder: Path) -> Path | None:
    """What `describe` was told in `folder`: a weights file, a preset's folder, or None (random)."""
    try:
        name = read_json(folder / _DESCRIPTION)["file"]
    except (FileNotFoundError, ValueError, KeyError):
        raise PetsegError(
            f"{folder} holds no encoder; bring it with: dvc repro -f download"
        ) from None
    return folder / name if name else None


def require_room_for(network: keras.Model, path: Path) -> None:
    """PetsegError where the disk has no room for a network's weights.

    Beforehand: the HDF5 library crashes where the disk is full.
    """
    require_room(path, sum(array.nbytes + 4096 for array in network.get_weights()))
