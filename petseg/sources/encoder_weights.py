"""Stores the encoder's weights, so that training needs no network."""

from http.client import HTTPException
from pathlib import Path

from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256
from petseg.core.params import MOBILENET_V2, TrainUnet
from petseg.models.encoders import mobilenet_v2, presets, storage
from petseg.sources.acquisition import download_folder
from petseg.sources.inputs import (
    OFFLINE_VARIABLE,
    PRESET_FILE,
    imagenet_name,
    offline_folder,
    offline_weights,
    preset_folder,
    preset_sha256,
    weights_file,
)


def bring(params: TrainUnet, folder: Path) -> dict:
    """Stores the encoder of `params`; returns its description and provenance.

    `encoder_weights` of MobileNetV2 is imagenet (offline copy, else Keras's download), none or a
    Keras file. A preset comes from its folder, the offline copy or KerasHub. All are checked and
    stored in one format. Raises PetsegError for an unavailable or unsuitable encoder.
    """
    description: dict = {"encoder": params.encoder, "weights": params.encoder_weights}
    if params.encoder != MOBILENET_V2:
        return _bring_preset(params.encoder, description, folder)
    alpha = params.encoder_alpha
    description["alpha"] = alpha
    if params.encoder_weights == "none":
        storage.store(None, description, folder)
        return description
    network, source = _load(params.encoder_weights, alpha)
    stored = storage.store(network, description, folder)
    assert stored is not None
    found = {"values": network.count_params(), "sha256": file_sha256(stored)}
    return description | source | found


def _bring_preset(name: str, description: dict, folder: Path) -> dict:
    source = preset_folder(name)
    where = "a folder" if source and len(Path(name).parts) > 1 else "the offline copy"
    try:
        preset = presets.load(str(source or name), name, _ANY_SIZE)
    except OSError as error:
        here = f" ({OFFLINE_VARIABLE} contains no folder {name})" if offline_folder() else ""
        raise PetsegError(
            f"the preset {name} could not be downloaded by KerasHub: {error}{here}\n"
            "Do one of these:\n"
            "  - with network access, run the same command again\n"
            f"  - set {OFFLINE_VARIABLE} to a folder that contains {name}/, or train_unet.encoder "
            "to\n    the path of a folder that KerasHub's save_to_preset wrote\n"
            "  - set train_unet.encoder to mobilenet_v2"
        ) from error
    presets.find_levels(preset.backbone, _ANY_SIZE, name)
    pretrained = description["weights"] != "none"
    presets.store(preset, pretrained, folder / "preset")
    storage.describe(description, folder / "preset", folder)
    found = {"source": f"{name} in {where if source else 'KerasHub'}"}
    if source:
        found["source_sha256"] = preset_sha256(source)
    stored = presets.WEIGHTS_FILE if pretrained else PRESET_FILE
    found |= {"values": preset.backbone.count_params()}
    return description | found | {"sha256": file_sha256(folder / "preset" / stored)}


_ANY_SIZE = (256, 256)
"""The size to check a preset at: whether it can be an encoder does not depend on it."""


def _load(weights: str, alpha: float):
    """Returns the network and its weights' provenance."""
    if file := weights_file(weights):
        return _from_file(file, alpha, "a file")
    if file := offline_weights(alpha):
        return _from_file(file, alpha, "the offline copy")
    try:
        fetched = mobilenet_v2.fetch_imagenet(alpha, download_folder() / "encoder")
    except (OSError, HTTPException, PetsegError) as error:
        name = imagenet_name(alpha)
        here = f" ({OFFLINE_VARIABLE} contains no {name})" if offline_folder() else ""
        raise PetsegError(
            f"the ImageNet weights of MobileNetV2 {alpha} could not be downloaded: {error}{here}\n"
            f"  {mobilenet_v2.IMAGENET_URL}{mobilenet_v2.imagenet_file(alpha)}\n"
            "Do one of these:\n"
            "  - with network access, run the same command again\n"
            f"  - set {OFFLINE_VARIABLE} to a folder with {name}, "
            "or train_unet.encoder_weights to a file or to none\n"
            "  - try the pipeline on generated pets: make demo"
        ) from error
    return _from_file(fetched, alpha, "Keras Applications")


def _from_file(path: Path, alpha: float, where: str):
    source = {"source": f"{path.name} in {where}", "source_sha256": file_sha256(path)}
    return mobilenet_v2.build(None, alpha, path), source
