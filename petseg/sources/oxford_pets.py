"""The Oxford-IIIT Pet dataset through TensorFlow Datasets, from the network or from a folder.

Both ways run the same builder code and leave the same prepared dataset on disk: the official
`train` split (3,680 images) and `test` split (3,669), each with a trimap.
Source: https://www.robots.ox.ac.uk/~vgg/data/pets/ (CC BY-SA 4.0).
"""

import contextlib
import io
import re
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError
from tensorflow_datasets.datasets.oxford_iiit_pet import (
    oxford_iiit_pet_dataset_builder as tfds_pets,
)

from petseg.core.errors import PetsegError
from petseg.core.files import in_use, is_disk_full, is_in_use, require_room

VERSION = "4.0.0"
SPLITS = ("train", "test")
LISTS = {"train": "trainval.txt", "test": "test.txt"}
SPECIES = ("cat", "dog")

BREEDS = tuple(tfds_pets._LABEL_CLASSES)
"""The 37 breed names; an example's breed is an index into them."""

_DOWNLOAD_ERRORS = (tfds.download.DownloadError, NonMatchingChecksumError, ExtractError, OSError)


class RawExample(NamedTuple):
    """An example as the dataset holds it: encoded image and mask."""

    name: str
    breed: int
    species: int
    image: bytes
    mask: bytes


def prepare_from_network(data_dir: Path, download_dir: Path) -> None:
    """Downloads the archives (or reuses verified ones) and prepares the dataset in `data_dir`.

    PetsegError where the archives cannot be had or do not match their published checksums.
    """
    download_dir.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(download_dir)
    missing = _missing_archives(download_dir)
    # TFDS unpacks each archive beside it.
    require_room(download_dir / "archives", 2 * sum(size for size, _ in missing.values()))
    builder = tfds_pets.Builder(data_dir=str(data_dir), version=VERSION)
    try:
        with in_use(download_dir):
            for url in missing:  # TFDS itself would try for minutes before it gives up
                urllib.request.urlopen(
                    urllib.request.Request(url, method="HEAD"), timeout=30
                ).close()
            if missing:
                megabytes = sum(size for size, _ in missing.values()) / 1e6
                print(f"downloading {megabytes:.0f} MB of Oxford-IIIT Pet", flush=True)
            _prepare(builder, download_dir)
    except _DOWNLOAD_ERRORS as error:
        local = isinstance(error, OSError) and error.filename and not hasattr(error, "url")
        if local or is_disk_full(error):
            raise
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
    _prepare(_FolderBuilder(folder, data_dir=str(data_dir), version=VERSION), download_dir)


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
                mistakes.append(f"{where}: {name} is already in {seen[name]}")
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
    for example in _rows(data_dir, split, {"image": skip, "segmentation_mask": skip}):
        yield RawExample(
            name=Path(example["file_name"].decode()).stem,
            breed=int(example["label"]),
            species=int(example["species"]),
            image=example["image"],
            mask=example["segmentation_mask"],
        )


def names_and_breeds(data_dir: Path, split: str) -> list[tuple[str, int]]:
    """Name and breed of each example of a prepared split, without its pictures."""
    decoders = tfds.decode.PartialDecoding({"file_name": True, "label": True})
    return [
        (Path(example["file_name"].decode()).stem, int(example["label"]))
        for example in _rows(data_dir, split, decoders)
    ]


def counts(data_dir: Path) -> dict[str, int]:
    """The number of examples in each prepared split."""
    splits = _prepared(data_dir).info.splits
    return {split: splits[split].num_examples for split in SPLITS}


def archives() -> dict[str, str]:
    """The URL of each archive of the dataset -> the SHA-256 that TFDS requires of it."""
    return {url: checksum for url, (_, checksum) in _archives().items()}


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


def _prepare(builder, download_dir: Path) -> None:
    """Lets TFDS do its work with progress bars on a terminal, and without its remarks."""
    tfds.display_progress_bar(sys.stderr.isatty())
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_dir=str(download_dir))


def _rows(data_dir: Path, split: str, decoders) -> Iterator[dict]:
    """The examples of a prepared split as dictionaries; read in batches, which takes less time."""
    dataset = _prepared(data_dir).as_dataset(
        split=split,
        decoders=decoders,
        read_config=tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1),
    )
    for batch in dataset.batch(16).as_numpy_iterator():
        for row in zip(*batch.values(), strict=True):
            yield dict(zip(batch, row, strict=True))


def _prepared(data_dir: Path):
    return tfds.builder_from_directory(str(data_dir / "oxford_iiit_pet" / VERSION))


def _archives() -> dict[str, tuple[int, str]]:
    """The URL of each archive -> its size in bytes and its SHA-256."""
    table = Path(tfds_pets.__file__).with_name("checksums.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines())
    return {url: (int(size), checksum) for url, size, checksum, *_ in rows}


def _missing_archives(download_dir: Path) -> dict[str, tuple[int, str]]:
    """Those of the archives that are not in `download_dir`, neither by TFDS nor by hand."""

    def is_here(url: str) -> bool:
        stem = url.rsplit("/", 1)[-1].split(".")[0]
        return any(download_dir.glob(f"*/*{stem[:9]}*.tar.gz"))

    return {url: entry for url, entry in _archives().items() if not is_here(url)}


def _clear_leftovers(download_dir: Path) -> None:
    """Clears what killed or failed downloads and unpackings of TFDS left."""
    if not is_in_use(download_dir):
        for path in download_dir.glob("*/*"):
            if re.fullmatch(r".+\.tmp\.[0-9a-f]{32}|incomplete\.[0-9a-f]{32}[_.].+", path.name):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _names(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in folder.glob(f"*{suffix}")} if folder.is_dir() else set()


def _download_failed(error: Exception, download_dir: Path) -> PetsegError:
    missing = "".join(f"\n  {url}" for url in _missing_archives(download_dir))
    return PetsegError(
        f"the Oxford-IIIT Pet archives could not be downloaded: {error}{missing}\n"
        "Four ways on:\n"
        "  - with a network, run the same command again; "
        f"verified archives in {download_dir} are reused\n"
        f"  - bring the archives by hand and put them into {download_dir / 'manual'}\n"
        "  - set PETSEG_OFFLINE_DIR to a folder with the unpacked images/ and annotations/\n"
        "  - see the pipeline at work on generated pets: make demo"
    )
