"""The dataset's source and provenance."""

from pathlib import Path

import pytest

from petseg.core.errors import PetsegError
from petseg.core.files import atomic_folder, file_sha256
from petseg.core.paths import CACHE_VARIABLE
from petseg.sources import acquisition, oxford_pets, raw
from petseg.sources.generated.dataset import write_dataset
from tests.helpers.dataset_files import shipped
from tests.helpers.disks import require_mount
from tests.helpers.raw import all_examples

PETS = shipped("oxford_iiit_pet")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv(acquisition.OFFLINE_VARIABLE, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("offline") / "copy"
    write_dataset(folder, train=5, test=2, image_size=32, seed=1)
    return folder


def assert_records_every_file(provenance: dict, data_dir: Path) -> None:
    assert provenance["version"] == oxford_pets.VERSION
    hashes = provenance["files_sha256"]
    files = {p.relative_to(data_dir).as_posix(): p for p in data_dir.rglob("*") if p.is_file()}
    del files[raw.DESCRIPTION]
    assert len(files) >= 3
    assert hashes == {name: file_sha256(path) for name, path in files.items()}


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_there_is_no_offline_folder(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv(acquisition.OFFLINE_VARIABLE, value)
    assert acquisition.offline_folder() is None


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_an_invalid_offline_folder_is_refused(monkeypatch, tmp_path, kind):
    path = tmp_path / kind
    if kind == "file":
        path.touch()
    monkeypatch.setenv(acquisition.OFFLINE_VARIABLE, str(path))
    for use in (acquisition.offline_folder, lambda: acquisition.bring(PETS, tmp_path / "data")):
        with pytest.raises(PetsegError) as caught:
            use()
        assert str(caught.value) == f"PETSEG_OFFLINE_DIR names {path}, which is not a folder"
    assert not (tmp_path / "data").exists()


def test_an_offline_folder_may_be_relative_or_start_with_a_tilde(monkeypatch, tmp_path):
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("copy", "~/copy"):
        monkeypatch.setenv(acquisition.OFFLINE_VARIABLE, value)
        assert acquisition.offline_folder() == (tmp_path / "copy").resolve()


def test_downloads_stay_in_the_cache_folder(monkeypatch, tmp_path):
    assert acquisition.download_folder() == tmp_path / "cache" / "downloads"
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "~/.cache/petseg"):
        monkeypatch.setenv(CACHE_VARIABLE, value)
        assert acquisition.download_folder() == tmp_path / ".cache" / "petseg" / "downloads"


def test_the_dataset_comes_from_the_offline_copy(monkeypatch, tmp_path, copy):
    monkeypatch.setenv(acquisition.OFFLINE_VARIABLE, str(copy))
    monkeypatch.setattr(oxford_pets, "prepare_from_network", lambda *_: pytest.fail("network"))
    provenance = acquisition.bring(PETS, tmp_path / "data")
    assert provenance["source"] == "the offline copy that PETSEG_OFFLINE_DIR named"
    assert (
        provenance["examples"] == oxford_pets.counts(tmp_path / "data") == {"train": 5, "test": 2}
    )
    assert_records_every_file(provenance, tmp_path / "data")


def test_an_offline_folder_without_the_dataset_is_refused(monkeypatch, tmp_path):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv(acquisition.OFFLINE_VARIABLE, str(tmp_path / "other"))
    with pytest.raises(PetsegError, match="is not a usable copy of the dataset"):
        acquisition.bring(PETS, tmp_path / "data")


def test_without_an_offline_copy_the_dataset_comes_from_the_network(monkeypatch, tmp_path, copy):
    def network(data_dir: Path, download_dir: Path) -> None:
        assert download_dir == tmp_path / "cache" / "downloads"
        oxford_pets.prepare_from_folder(copy, data_dir, download_dir)

    monkeypatch.setattr(oxford_pets, "prepare_from_network", network)
    provenance = acquisition.bring(PETS, tmp_path / "data")
    assert provenance["source"] == "network"
    assert provenance["archives_sha256"] == oxford_pets.archives()
    assert_records_every_file(provenance, tmp_path / "data")


def test_generated_pets_are_prepared_like_the_dataset(monkeypatch, tmp_path, copy):
    monkeypatch.setenv(acquisition.OFFLINE_VARIABLE, str(tmp_path / "is not asked for"))
    data_dir = tmp_path / "raw" / "data"
    dataset = shipped("generated_pets", train=5, test=2, side=32, seed=1)
    provenance = acquisition.bring(dataset, data_dir)
    assert provenance["source"] == "drawn with seed 1"
    assert provenance["examples"] == {"train": 5, "test": 2}
    assert_records_every_file(provenance, data_dir)
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["data"]
    examples = all_examples(raw.open_raw(data_dir), "train")
    drawn = {example.name: example.image for example in examples}
    assert len(drawn) == 5
    assert drawn == {name: (copy / f"images/{name}.jpg").read_bytes() for name in drawn}


@pytest.mark.parametrize("name", ["oxford_iiit_pet", "generated_pets"])
def test_unknown_groups_of_pets_are_refused(monkeypatch, tmp_path, name):
    monkeypatch.setattr(oxford_pets, "prepare_from_network", lambda *_: pytest.fail("network"))
    dataset = shipped(name, groups=["breed", "owner"])
    with pytest.raises(PetsegError, match=r"groups: .* has no owner; it has breed and"):
        acquisition.bring(dataset, tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("pets", [10, 300], ids=["prepared", "drawn"])
def test_a_full_disk_is_reported_and_leaves_no_files(small_disk, pets):
    """Ten generated pets fit, but not also the dataset that TFDS prepares."""
    require_mount(small_disk)
    room = 64 if pets == 10 else 0
    (small_disk / "filled").write_bytes(bytes(room << 10))
    with pytest.raises(PetsegError) as caught, atomic_folder(small_disk / "raw") as data:
        dataset = shipped("generated_pets", train=pets, test=5, side=64, seed=1)
        acquisition.bring(dataset, data / "dataset")
    assert str(caught.value).startswith(f"{small_disk / 'raw'} could not be written (")
    assert [path.name for path in small_disk.iterdir()] == ["filled"]
