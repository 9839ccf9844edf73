"""The dataset comes whole from a folder or the network, or with a message that says what to do."""

import shutil
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from petseg.data import drawing, oxford_pets
from petseg.data.synthetic import write_dataset
from petseg.errors import PetsegError

COUNTS = {"train": 8, "test": 4}


@pytest.fixture(scope="module")
def drawings(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pets") / "drawings"
    write_dataset(folder, **COUNTS, image_size=32, seed=1)
    return folder


@pytest.fixture(scope="module")
def data_dir(drawings, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    oxford_pets.prepare_from_folder(drawings, folder, folder / "downloads")
    return folder


@pytest.fixture
def copy(drawings, tmp_path) -> Path:
    return shutil.copytree(drawings, tmp_path / "copy")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def listed(folder: Path, split: str) -> dict[str, list[int]]:
    """Name -> class, species and breed number, from the split's list."""
    rows = (folder / "annotations" / oxford_pets.LISTS[split]).read_text().splitlines()
    return {name: list(map(int, numbers)) for name, *numbers in map(str.split, rows)}


@pytest.mark.parametrize("split", oxford_pets.SPLITS)
def test_a_folder_becomes_the_dataset_that_it_holds(drawings, data_dir, split):
    examples = list(oxford_pets.examples(data_dir, split))
    expected = listed(drawings, split)
    assert len(examples) == oxford_pets.counts(data_dir)[split] == COUNTS[split]
    assert {example.name for example in examples} == expected.keys()
    for example in examples:
        class_number, species, _ = expected[example.name]
        assert (example.breed, example.species) == (class_number - 1, species - 1)
        assert oxford_pets.BREEDS[example.breed] == example.name.rpartition("_")[0]
        assert example.image == (drawings / f"images/{example.name}.jpg").read_bytes()
        trimap = drawings / f"annotations/trimaps/{example.name}.png"
        assert example.mask == trimap.read_bytes()


@pytest.mark.parametrize("split", oxford_pets.SPLITS)
def test_names_and_breeds_are_those_of_the_examples_in_their_order(data_dir, split):
    assert oxford_pets.names_and_breeds(data_dir, split) == [
        (example.name, example.breed) for example in oxford_pets.examples(data_dir, split)
    ]


def test_breeds_and_species_are_numbered_as_the_drawings_number_them():
    assert tuple(breed.name for breed in drawing.BREEDS) == oxford_pets.BREEDS
    assert oxford_pets.SPECIES[drawing.CAT - 1] == "cat"
    assert oxford_pets.SPECIES[drawing.DOG - 1] == "dog"


def test_the_same_bytes_from_run_to_run(drawings, data_dir, tmp_path):
    oxford_pets.prepare_from_folder(drawings, tmp_path / "again", tmp_path / "downloads")
    assert contents(tmp_path / "again") == contents(data_dir)


def test_a_path_with_spaces_and_foreign_letters(drawings, data_dir, tmp_path):
    folder = shutil.copytree(drawings, tmp_path / "Fotos für 犬 [1]")
    other = tmp_path / "vorbereitet für 犬 [1]"
    oxford_pets.prepare_from_folder(folder, other, tmp_path / "downloads")
    for split in oxford_pets.SPLITS:
        assert list(oxford_pets.examples(other, split)) == list(
            oxford_pets.examples(data_dir, split)
        )


def test_a_read_only_folder_is_enough_and_stays_as_it_was(copy, tmp_path):
    before = contents(copy)
    everything = [copy, *copy.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        oxford_pets.prepare_from_folder(copy, tmp_path / "data", tmp_path / "downloads")
    finally:
        for path in everything:
            path.chmod(path.stat().st_mode | 0o200)
    assert contents(copy) == before
    assert oxford_pets.counts(tmp_path / "data") == COUNTS


def test_a_folder_without_mistakes_is_usable(drawings):
    assert oxford_pets.check_folder(drawings) == []


TRAINVAL, TEST = "annotations/trainval.txt", "annotations/test.txt"


def add(list_name: str, line: str):
    def change(folder: Path) -> None:
        with open(folder / list_name, "a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")

    return change


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda folder: (folder / TRAINVAL).unlink(), f"{TRAINVAL} is missing"),
        (lambda folder: (folder / TEST).write_text(""), f"{TEST} is empty"),
        (
            lambda folder: (folder / TEST).write_bytes(b"M\xfcller_1 1 1 1\n"),
            f"{TEST} is not UTF-8 text: ",
        ),
        (
            lambda folder: (folder / "images/Abyssinian_1.jpg").unlink(),
            "images/Abyssinian_1.jpg is missing",
        ),
        (
            lambda folder: (folder / "annotations/trimaps/beagle_1.png").unlink(),
            "annotations/trimaps/beagle_1.png is missing",
        ),
        (
            add(TRAINVAL, "Abyssinian_1 1 1 1"),
            f"{TRAINVAL}, line 9: Abyssinian_1 stands already in {TRAINVAL}, line 1",
        ),
        (
            add(TEST, "Abyssinian_1 1 1 1"),
            f"{TEST}, line 5: Abyssinian_1 stands already in {TRAINVAL}, line 1",
        ),
        *[
            (add(TEST, line), f"{TEST}, line 5: {line!r} is not NAME CLASS SPECIES BREED")
            for line in (
                "",
                "# a comment",
                "Abyssinian_9",
                "Abyssinian_9 1 1",
                "Abyssinian_9 1 1 1 1",
                "Abyssinian_9 one 1 1",
                "Abyssinian_9 0 1 1",
                "Abyssinian_9 38 1 1",
                "Abyssinian_9 1 3 1",
                "../Abyssinian_1 1 1 1",
                "/Abyssinian_1 1 1 1",
            )
        ],
    ],
)
def test_a_mistake_in_a_folder_is_named(copy, change, mistake):
    change(copy)
    (found,) = oxford_pets.check_folder(copy)
    assert found.startswith(mistake)


def test_all_mistakes_of_a_folder_are_named_before_anything_is_written(copy, tmp_path):
    add(TEST, "Bengal_9 6 1 2")(copy)
    (copy / TRAINVAL).unlink()
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_folder(copy, tmp_path / "data", tmp_path / "downloads")
    headline, *lines = str(caught.value).splitlines()
    assert headline == f"{copy} is not a usable copy of the dataset:"
    assert lines == [
        f"  - {TRAINVAL} is missing",
        "  - images/Bengal_9.jpg is missing",
        "  - annotations/trimaps/Bengal_9.png is missing",
    ]
    assert not (tmp_path / "data").exists()


def test_an_empty_or_missing_folder_is_no_copy(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        assert oxford_pets.check_folder(folder) == [f"{TRAINVAL} is missing", f"{TEST} is missing"]


def raising(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


class Answer:
    """What a host that is there answers."""

    def close(self) -> None:
        pass


def assert_three_ways_on(error: PetsegError, reason: str, downloads: Path) -> None:
    message = str(error)
    assert reason in message.splitlines()[0]
    assert f"run the same command again; verified archives in {downloads} are reused" in message
    assert "set PETSEG_OFFLINE_DIR to a folder with the unpacked images/" in message
    assert "make demo" in message


@pytest.mark.parametrize(
    "error",
    [
        URLError("Name or service not known"),
        HTTPError("https://host/images.tar.gz", 503, "Service Unavailable", {}, None),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_host_that_does_not_answer_leaves_three_ways(tmp_path, monkeypatch, error):
    monkeypatch.setattr(urllib.request, "urlopen", raising(error))
    downloads = tmp_path / "downloads"
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_network(tmp_path / "data", downloads)
    assert_three_ways_on(caught.value, str(error), downloads)


@pytest.mark.parametrize(
    "error",
    [
        tfds.download.DownloadError("Failed to get url: HTTP code 503"),
        NonMatchingChecksumError("Artifact has wrong checksum"),
        ConnectionError("Connection reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_download_that_fails_or_brings_other_bytes_leaves_three_ways(
    tmp_path, monkeypatch, error
):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: Answer())
    monkeypatch.setattr(oxford_pets.tfds_pets.Builder, "download_and_prepare", raising(error))
    downloads = tmp_path / "downloads"
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_network(tmp_path / "data", downloads)
    assert_three_ways_on(caught.value, str(error), downloads)


def test_trouble_with_the_disk_is_not_called_trouble_with_the_network(tmp_path, monkeypatch):
    error = PermissionError(13, "Permission denied", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: Answer())
    monkeypatch.setattr(oxford_pets.tfds_pets.Builder, "download_and_prepare", raising(error))
    with pytest.raises(PermissionError):
        oxford_pets.prepare_from_network(tmp_path / "data", tmp_path / "downloads")


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by TFDS"])
def test_the_host_is_not_asked_for_archives_that_are_here(tmp_path, monkeypatch, by_hand):
    monkeypatch.setattr(urllib.request, "urlopen", raising(URLError("no network")))
    asked = []
    monkeypatch.setattr(
        oxford_pets.tfds_pets.Builder,
        "download_and_prepare",
        lambda builder, download_dir: asked.append(download_dir),
    )
    for url, checksum in oxford_pets.archives().items():
        name = Path(url).name if by_hand else resource.get_dl_fname(url, checksum)
        path = tmp_path / "downloads" / ("manual" if by_hand else "oxford_iiit_pet") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    oxford_pets.prepare_from_network(tmp_path / "data", tmp_path / "downloads")
    assert asked == [str(tmp_path / "downloads")]


def test_the_archives_and_their_published_checksums_are_known():
    found = {Path(url).name: checksum for url, checksum in oxford_pets.archives().items()}
    assert found == {
        "images.tar.gz": "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        "annotations.tar.gz": "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
    }
