"""The Oxford-IIIT Pet dataset through TensorFlow Datasets, from the network or from a folder.

Both ways run the same builder code and leave the same prepared dataset on disk: the official
`train` split (3,680 photographs) and `test` split (3,669), each with a trimap.
Source: https://www.robots.ox.ac.uk/~vgg/data/pets/ (CC BY-SA 4.0).
"""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.datasets.oxford_iiit_pet import (
    oxford_iiit_pet_dataset_builder as tfds_pets,
)

from petseg.errors import PetsegError

VERSION = "4.0.0"
SPLITS = ("train", "test")
LISTS = {"train": "trainval.txt", "test": "test.txt"}
SPECIES = ("cat", "dog")

BREEDS = tuple(tfds_pets._LABEL_CLASSES)
"""The 37 breed names; an example's breed is an index into them."""


class RawExample(NamedTuple):
    """A photograph as the dataset holds it: encoded image and mask."""

    name: str
    breed: int
    species: int
    image: bytes
    mask: bytes


def prepare_from_network(data_dir: Path, download_dir: Path) -> None:
    """Downloads the archives (or reuses verified ones) and prepares the dataset in `data_dir`.

    PetsegError where the archives cannot be had or do not match their published checksums.
    """
    builder = tfds_pets.Builder(data_dir=str(data_dir), version=VERSION)
    try:
        _check_host(download_dir)
        builder.download_and_prepare(download_dir=str(download_dir))
    except (tfds.download.DownloadError, NonMatchingChecksumError, OSError) as error:
        if isinstance(error, OSError) and error.filename and not hasattr(error, "url"):
            raise  # the local disk, not the network
        raise _download_failed(error, download_dir) from error


def prepare_from_folder(folder: Path, data_dir: Path, download_dir: Path) -> None:
    """Prepares the dataset in `data_dir` from `folder`, which holds images/ and annotations/.

    The folder has the layout of the unpacked archives and is only read. PetsegError names what
    is missing or contradictory in it.
    """
    mistakes = check_folder(folder)
    if mistakes:
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        raise PetsegError(f"{folder} is not a usable copy of the dataset:{lines}")
    builder = _FolderBuilder(folder, data_dir=str(data_dir), version=VERSION)
    builder.download_and_prepare(download_dir=str(download_dir))


def check_folder(folder: Path) -> list[str]:
    """What keeps `folder` from being a copy of the dataset, a sentence each; empty if nothing."""
    mistakes = []
    seen: dict[str, str] = {}
    for list_name in LISTS.values():
        path = folder / "annotations" / list_name
        if not path.is_file():
            mistakes.append(f"annotations/{list_name} is missing")
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            mistakes.append(f"annotations/{list_name} is not UTF-8 text: {error}")
            continue
        if not lines:
            mistakes.append(f"annotations/{list_name} is empty")
        for number, line in enumerate(lines, start=1):
            where = f"annotations/{list_name}, line {number}"
            try:
                name, label, species, _ = line.split(" ")
                valid = 1 <= int(label) <= len(BREEDS) and 1 <= int(species) <= len(SPECIES)
            except ValueError:
                valid = False
            if not valid or Path(name).name != name:
                mistakes.append(f"{where}: {line!r} is not NAME CLASS SPECIES BREED")
                continue
            if name in seen:
                mistakes.append(f"{where}: {name} stands already in {seen[name]}")
            seen[name] = where
    images = _names(folder / "images", ".jpg")
    trimaps = _names(folder / "annotations" / "trimaps", ".png")
    mistakes += [f"images/{name}.jpg is missing" for name in seen if name not in images]
    mistakes += [
        f"annotations/trimaps/{name}.png is missing" for name in seen if name not in trimaps
    ]
    return mistakes


def examples(data_dir: Path, split: str) -> Iterator[RawExample]:
    """The examples of a prepared split, still encoded, always in the same order."""
    skip = tfds.decode.SkipDecoding()
    dataset = _prepared(data_dir).as_dataset(
        split=split,
        decoders={"image": skip, "segmentation_mask": skip},
        read_config=tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1),
    )
    for example in dataset.as_numpy_iterator():
        yield RawExample(
            name=Path(example["file_name"].decode()).stem,
            breed=int(example["label"]),
            species=int(example["species"]),
            image=example["image"],
            mask=example["segmentation_mask"],
        )


def names_and_breeds(data_dir: Path, split: str) -> list[tuple[str, int]]:
    """Name and breed of each example of a prepared split, without its pictures."""
    dataset = _prepared(data_dir).as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding({"file_name": True, "label": True}),
        read_config=tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1),
    )
    return [
        (Path(example["file_name"].decode()).stem, int(example["label"]))
        for example in dataset.as_numpy_iterator()
    ]


def counts(data_dir: Path) -> dict[str, int]:
    """The number of examples in each prepared split."""
    splits = _prepared(data_dir).info.splits
    return {split: splits[split].num_examples for split in SPLITS}


def archives() -> dict[str, str]:
    """The URL of each archive of the dataset -> the SHA-256 that TFDS requires of it."""
    table = Path(tfds_pets.__file__).with_name("checksums.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines())
    return {url: checksum for url, _, checksum, *_ in rows}


class _FolderBuilder(tfds_pets.Builder, skip_registration=True):
    """TFDS's own builder of the dataset, which reads a folder instead of downloading."""

    name = "oxford_iiit_pet"
    pkg_dir_path = Path(tfds_pets.__file__).parent

    def __init__(self, folder: Path, **kwargs):
        self._folder = folder
        super().__init__(**kwargs)

    def _split_generators(self, dl_manager):
        del dl_manager
        annotations = self._folder / "annotations"
        return {
            split: self._generate_examples(
                str(self._folder / "images"), str(annotations), str(annotations / list_name)
            )
            for split, list_name in LISTS.items()
        }


def _prepared(data_dir: Path):
    return tfds.builder_from_directory(str(data_dir / "oxford_iiit_pet" / VERSION))


def _check_host(download_dir: Path) -> None:
    """Raises OSError at once where the host does not answer and an archive is not here yet.

    TFDS itself would try for minutes before it gives up.
    """
    for url in archives():
        stem = url.rsplit("/", 1)[-1].split(".")[0]
        if not any(download_dir.glob(f"*/*{stem[:9]}*.tar.gz")):
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=30).close()


def _names(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in folder.glob(f"*{suffix}")} if folder.is_dir() else set()


def _download_failed(error: Exception, download_dir: Path) -> PetsegError:
    return PetsegError(
        f"the Oxford-IIIT Pet archives could not be downloaded: {error}\n"
        "Three ways on:\n"
        "  - with a network, run the same command again; "
        f"verified archives in {download_dir} are reused\n"
        "  - set PETSEG_OFFLINE_DIR to a folder with the unpacked images/ and annotations/\n"
        "  - see the pipeline at work on generated pets: make demo"
    )
