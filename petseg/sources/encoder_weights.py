"""Bringing the encoder's pretrained weights to disk, so that training needs no network."""

from http.client import HTTPException
from pathlib import Path

from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256
from petseg.models.encoders import mobilenet_v2
from petseg.sources.acquisition import download_folder
from petseg.sources.inputs import (
    OFFLINE_VARIABLE,
    imagenet_name,
    offline_folder,
    offline_weights,
    weights_file,
)


def bring(weights: str, alpha: float, folder: Path) -> dict:
    """Puts the weights of MobileNetV2 into `folder`; returns what they are and where from.

    `weights` is imagenet (an offline copy's file, where there is one, or else Keras's download),
    none, or the path of a Keras weights file. Whatever the source, the file is loaded and checked,
    and stored in one format. PetsegError where it cannot be had or does not fit.
    """
    description: dict = {"weights": weights, "alpha": alpha}
    if weights == "none":
        mobilenet_v2.store(None, description, folder)
        return description
    network, source = _load(weights, alpha)
    stored = mobilenet_v2.store(network, description, folder)
    return (
        description
        | source
        | {
            "values": network.count_params(),
            "sha256": file_sha256(stored),
        }
    )


def _load(weights: str, alpha: float):
    """The network with these weights, and where they came from."""
    if file := weights_file(weights):
        return _from_file(file, alpha, "a file")
    if file := offline_weights(alpha):
        return _from_file(file, alpha, "the offline copy")
    try:
        fetched = mobilenet_v2.fetch_imagenet(alpha, download_folder() / "encoder")
    except (OSError, HTTPException, PetsegError) as error:
        name = imagenet_name(alpha)
        here = f" ({OFFLINE_VARIABLE} holds no {name})" if offline_folder() else ""
        raise PetsegError(
            f"the ImageNet weights of MobileNetV2 {alpha} could not be downloaded: {error}{here}\n"
            f"  {mobilenet_v2.IMAGENET_URL}{mobilenet_v2.imagenet_file(alpha)}\n"
            "Three ways on:\n"
            "  - with a network, run the same command again\n"
            f"  - set {OFFLINE_VARIABLE} to a folder with {name}, "
            "or train_unet.encoder_weights to a file or to none\n"
            "  - see the pipeline at work on generated pets: make demo"
        ) from error
    return _from_file(fetched, alpha, "Keras Applications")


def _from_file(path: Path, alpha: float, where: str):
    source = {"source": f"{path.name} in {where}", "source_sha256": file_sha256(path)}
    return mobilenet_v2.build(None, alpha, path), source
