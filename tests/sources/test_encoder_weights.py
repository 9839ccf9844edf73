"""Encoder weights come from the named source, or a message lists options."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, read_json
from petseg.core.paths import CACHE_VARIABLE
from petseg.models.encoders import mobilenet_v2, storage
from petseg.sources import encoder_weights
from petseg.sources.acquisition import OFFLINE_VARIABLE
from tests.helpers.disks import require_mount
from tests.helpers.local_server import Answer, serving
from tests.helpers.networks import unet_section

ALPHA = 0.35
NAME = "mobilenet_v2_0.35_no_top.weights.h5"


@pytest.fixture(scope="session")
def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return mobilenet_v2.build(None, ALPHA)


@pytest.fixture(scope="session")
def weights(network, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("offline") / NAME
    network.save_weights(path)
    return path


@pytest.fixture(scope="session")
def keras_file(network, tmp_path_factory) -> bytes:
    """In the older format of Keras Applications."""
    path = tmp_path_factory.mktemp("keras") / "weights.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path) -> None:
    """Also unsets the offline folder."""
    monkeypatch.setattr(mobilenet_v2, "IMAGENET_URL", "http://127.0.0.1:9/")  # an unused port
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)


def bring(weights: str, folder: Path, alpha: float = ALPHA) -> dict:
    values = {"encoder_weights": weights, "encoder_alpha": alpha}
    return encoder_weights.bring(unet_section().model_copy(update=values), folder)


def values(path: Path) -> dict[str, np.ndarray]:
    found = {}

    def collect(name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


def assert_stored(folder: Path, description: dict, weights: Path) -> None:
    stored = storage.stored_encoder(folder)
    assert description["sha256"] == file_sha256(stored)
    found, expected = values(stored), values(weights)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert description["values"] == sum(array.size for array in expected.values()) == 410_208


def test_encoder_weights_none_stores_no_weights(tmp_path):
    description = bring("none", tmp_path / "encoder")
    assert description == {"encoder": "mobilenet_v2", "weights": "none", "alpha": ALPHA}
    assert storage.stored_encoder(tmp_path / "encoder") is None
    assert [path.name for path in (tmp_path / "encoder").iterdir()] == ["encoder.json"]


def test_a_file_is_checked_and_stored(tmp_path, weights):
    description = bring(str(weights), tmp_path / "encoder")
    assert description["source"] == f"{NAME} in a file"
    assert description["source_sha256"] == file_sha256(weights)
    assert_stored(tmp_path / "encoder", description, weights)


def test_imagenet_comes_from_the_offline_folder_first(tmp_path, monkeypatch, weights):
    monkeypatch.setenv(OFFLINE_VARIABLE, str(weights.parent))
    description = bring("imagenet", tmp_path / "encoder")
    assert (description["weights"], description["alpha"]) == ("imagenet", ALPHA)
    assert description["source"] == f"{NAME} in the offline copy"
    assert_stored(tmp_path / "encoder", description, weights)
    stored = read_json(tmp_path / "encoder" / "encoder.json")
    assert stored == {
        "encoder": "mobilenet_v2",
        "weights": "imagenet",
        "alpha": ALPHA,
        "file": "encoder.weights.h5",
    }


def bring_from(answer: Answer, monkeypatch, folder: Path) -> dict:
    with serving({mobilenet_v2.imagenet_file(ALPHA): answer}) as address:
        monkeypatch.setattr(mobilenet_v2, "IMAGENET_URL", f"{address}/")
        return bring("imagenet", folder)


def test_imagenet_is_downloaded_if_the_offline_folder_has_none(
    tmp_path, monkeypatch, weights, keras_file
):
    (tmp_path / "copy").mkdir()
    monkeypatch.setenv(OFFLINE_VARIABLE, str(tmp_path / "copy"))
    description = bring_from(Answer(keras_file), monkeypatch, tmp_path / "encoder")
    name = mobilenet_v2.imagenet_file(ALPHA)
    assert name == "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    assert description["source"] == f"{name} in Keras Applications"
    assert_stored(tmp_path / "encoder", description, weights)
    again = bring("imagenet", tmp_path / "again")  # the server is gone
    assert again["source_sha256"] == description["source_sha256"]


@pytest.mark.parametrize("offline", [False, True])
def test_imagenet_without_network_lists_the_options(tmp_path, monkeypatch, offline):
    if offline:
        monkeypatch.setenv(OFFLINE_VARIABLE, str(tmp_path))
    with pytest.raises(PetsegError) as caught:
        bring("imagenet", tmp_path / "encoder")
    message = str(caught.value)
    assert "MobileNetV2 0.35 could not be downloaded: <urlopen error " in message
    assert f"http://127.0.0.1:9/{mobilenet_v2.imagenet_file(ALPHA)}\n" in message
    assert (f"({OFFLINE_VARIABLE} contains no {NAME})" in message) == offline
    assert "run the same command again" in message
    assert f"set {OFFLINE_VARIABLE} to a folder with {NAME}" in message
    assert "make demo" in message
    assert not (tmp_path / "encoder").exists()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"x" * 1000, part=0.5), "IncompleteRead"),
        (Answer(status=503), "HTTP Error 503: Service Unavailable"),
        (Answer(b"<html>Please log in</html>"), "does not hold weights of MobileNetV2"),
    ],
    ids=["cut", "error", "another page"],
)
def test_a_failed_download_is_reported_and_not_kept(tmp_path, monkeypatch, answer, reason):
    with pytest.raises(PetsegError, match=f"could not be downloaded: .*{reason}"):
        bring_from(answer, monkeypatch, tmp_path / "encoder")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_full_disk_is_detected_before_writing_the_weights(small_disk, weights):
    require_mount(small_disk)
    with pytest.raises(PetsegError, match=r"encoder\.weights\.h5 could not be written .* MiB are"):
        bring(str(weights), small_disk)
    assert not list(small_disk.iterdir())


def test_weights_of_another_width_are_refused(tmp_path, weights):
    with pytest.raises(PetsegError) as caught:
        bring(str(weights), tmp_path / "encoder", alpha=0.5)
    assert str(caught.value).startswith(
        f"{weights} does not hold weights of MobileNetV2 with encoder_alpha 0.5 and no classifier "
        "(706,224 values were expected): "
    )
    assert not (tmp_path / "encoder").exists()


def garbage(data: bytes) -> bytes:
    return b"<html>404 Not Found</html>"


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("damage", [garbage, cut])
def test_a_file_without_weights_is_refused(tmp_path, weights, damage):
    path = tmp_path / NAME
    path.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(PetsegError) as caught:
        bring(str(path), tmp_path / "encoder")
    assert str(caught.value).startswith(f"{path} does not hold weights of MobileNetV2")
    assert not (tmp_path / "encoder").exists()


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "weights", "a.weights.json"])
def test_a_file_without_weights_is_refused_by_any_name(tmp_path, network, name):
    path = tmp_path / name
    path.write_bytes(garbage(b""))
    with pytest.raises(PetsegError, match=f"{name} does not hold weights of MobileNetV2"):
        mobilenet_v2._load_weights(network, path, ALPHA)


@pytest.mark.parametrize("value", ["Imagenet", "", "no such/file.weights.h5", "."])
def test_encoder_weights_that_are_no_option_or_file_are_refused(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PetsegError) as caught:
        bring(value, tmp_path / "encoder")
    assert str(caught.value).startswith(
        f"train_unet.encoder_weights: {value} is neither imagenet, none, nor a file "
        f"({tmp_path / value}). A relative path starts at"
    )


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_a_folder_without_an_encoder_names_the_stage_to_run(tmp_path, text):
    if text is not None:
        (tmp_path / "encoder.json").write_text(text)
    with pytest.raises(
        PetsegError, match="contains no encoder; get it with: dvc repro -f download"
    ):
        storage.stored_encoder(tmp_path)
