"""Presets come from a folder or an offline copy; else a message lists options."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, read_json, write_json
from petseg.core.params import TrainUnet
from petseg.models.encoders import storage
from petseg.sources import encoder_weights, inputs
from tests.helpers import networks, presets
from tests.helpers.dataset_files import shipped
from tests.helpers.sections import SHIPPED

pytest.importorskip("keras_hub")

CONVERTER = {"scale": [0.01, 0.02, 0.03], "offset": [-1.0, 0.0, 1.0]}


@pytest.fixture(scope="module")
def vgg(tmp_path_factory) -> Path:
    return presets.save("vgg", tmp_path_factory.mktemp("presets") / "tiny_vgg", CONVERTER)


@pytest.fixture(autouse=True)
def no_offline_copy(monkeypatch) -> None:
    monkeypatch.delenv(inputs.OFFLINE_VARIABLE, raising=False)


def section(encoder: object, **changes) -> TrainUnet:
    return networks.unet_section(encoder=str(encoder), **changes)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_preset_folder_is_stored_as_the_same_network(vgg, tmp_path):
    description = encoder_weights.bring(section(vgg), tmp_path / "encoder")
    stored = storage.stored_encoder(tmp_path / "encoder")
    assert files(stored) == ["config.json", "image_converter.json", "model.weights.h5"]
    assert description["encoder"] == str(vgg) and description["weights"] == "imagenet"
    assert description["source"] == f"{vgg} in a folder"
    assert description["source_sha256"] == inputs.preset_sha256(vgg)
    assert description["sha256"] == file_sha256(stored / "model.weights.h5")
    one, other = (
        networks.unet(weights=folder, encoder="tiny_vgg").get_layer("encoder").get_weights()
        for folder in (vgg, stored)
    )
    assert description["values"] == sum(array.size for array in one)
    assert all(map(np.array_equal, one, other))


def test_storing_a_preset_twice_gives_the_same_bytes(vgg, tmp_path):
    for name in ("one", "two"):
        keras.utils.clear_session()  # numbers layers from 1, as a new process
        encoder_weights.bring(section(vgg), tmp_path / name)
    assert len({inputs.preset_sha256(tmp_path / name / "preset") for name in ("one", "two")}) == 1


def test_random_preset_weights_are_not_stored(vgg, tmp_path):
    changed = section(vgg, encoder_weights="none", fine_tune_from="stem")
    description = encoder_weights.bring(changed, tmp_path / "encoder")
    stored = storage.stored_encoder(tmp_path / "encoder")
    assert files(stored) == ["config.json", "image_converter.json"]
    assert description["sha256"] == file_sha256(stored / "config.json")


def test_a_preset_name_is_looked_up_in_the_offline_copy(vgg, tmp_path, monkeypatch):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(vgg.parent))
    description = encoder_weights.bring(section("tiny_vgg"), tmp_path / "encoder")
    assert description["source"] == "tiny_vgg in the offline copy"


@pytest.mark.parametrize("offline", [False, True])
def test_a_failed_download_names_the_folder_to_provide(tmp_path, monkeypatch, offline):
    import keras_hub

    def no_network(*args, **options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", no_network)
    if offline:
        monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(tmp_path))
    with pytest.raises(PetsegError) as caught:
        encoder_weights.bring(section("resnet_18_imagenet"), tmp_path / "encoder")
    message = str(caught.value)
    assert message.startswith(
        "the preset resnet_18_imagenet could not be downloaded by KerasHub: no route to host"
    )
    assert ("contains no folder resnet_18_imagenet)" in message) == offline
    assert "to a folder that contains resnet_18_imagenet/" in message
    assert not (tmp_path / "encoder").exists()


def test_an_unknown_preset_name_is_refused(tmp_path):
    with pytest.raises(PetsegError, match="encoder: resnet_0 cannot be loaded by KerasHub: Unknow"):
        encoder_weights.bring(section("resnet_0"), tmp_path / "encoder")


def test_a_family_that_cannot_be_an_encoder_is_refused(tmp_path):
    vit = presets.save("vit", tmp_path / "vit")
    with pytest.raises(PetsegError, match="vit cannot be the encoder of a U-Net"):
        encoder_weights.bring(section(vit), tmp_path / "encoder")


PETS = shipped("oxford_iiit_pet")


def params(encoder: object):
    return SHIPPED.model_copy(update={"train_unet": section(encoder)})


def test_a_path_without_a_preset_is_refused(tmp_path, monkeypatch):
    with pytest.raises(PetsegError, match=r"nowhere/vgg is not a folder with config\.json"):
        inputs.require(params(tmp_path / "nowhere/vgg"), PETS)
    with pytest.raises(PetsegError, match=r"A relative path starts at the folder where"):
        inputs.require(params("nowhere/vgg"), PETS)


def test_a_missing_keras_hub_is_reported(vgg, monkeypatch):
    monkeypatch.setattr("petseg.core.optional.find_spec", lambda name: None)
    with pytest.raises(PetsegError, match=r"vgg needs KerasHub, .*\n  pip install 'petseg\[enco"):
        inputs.require(params(vgg), PETS)
    inputs.require(SHIPPED, PETS)


def test_a_changed_preset_is_detected(vgg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = Path(shutil.copytree(vgg, tmp_path / "mine"))
    encoder = encoder_weights.bring(section(mine), paths.ENCODER)
    write_json(paths.PROVENANCE, {"dataset": {"name": PETS.name}, "encoder": encoder})
    inputs.require_unchanged(params(mine), PETS)
    write_json(mine / "config.json", read_json(mine / "config.json") | {"more": 1})
    with pytest.raises(PetsegError, match=f"data/raw was made from another version of {mine}"):
        inputs.require_unchanged(params(mine), PETS)
