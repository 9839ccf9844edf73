"""Prepares the Oxford-IIIT Pet dataset with TensorFlow Datasets, from the network or a folder.

Both give the official `train` (3,680 images) and `test` split (3,669) with trimaps.
Source: https://www.robots.ox.ac.uk/~vgg/data/pets/ (CC BY-SA 4.0).
"""

import contextlib
import io
import re
import shutil
import sys
import urllib.request
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError
from tensorflow_datasets.datasets.oxford_iiit_pet import (
    oxford_iiit_pet_dataset_builder as tfds_pets,
)

from petseg.core.errors import PetsegError
from petseg.core.files import in_use, is_disk_full, is_in_use, require_room
from petseg.sources.pets_folder import LISTS, check_folder
from petseg.sources.raw_example import Block, Key, RawExample

VERSION = "4.0.0"
SPLITS = ("train", "test")

BREEDS = tuple(tfds_pets._LABEL_CLASSES)
SPECIES = ("cat", "dog")

GROUPS = {"breed": ("label", BREEDS), "species": ("species", SPECIES)}
"""The groups that dataset.yaml may name -> the TFDS feature and the names of its values."""

_DOWNLOAD_ERRORS = (tfds.download.DownloadError, NonMatchingChecksumError, ExtractError, OSError)


def prepare_from_network(data_dir: Path, download_dir: Path) -> None:
    """Downloads the archives, or reuses verified ones, and prepares the dataset in `data_dir`.

    Raises PetsegError if a download fails or its checksum differs.
    """
    download_dir.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(download_dir)
    missing = _missing_archives(download_dir)
    # TFDS unpacks each archive next to it.
    require_room(download_dir / "archives", 2 * sum(size for size, _ in missing.values()))
    builder = tfds_pets.Builder(data_dir=str(data_dir), version=VERSION)
    try:
        with in_use(download_dir):
            for url in missing:  # TFDS would retry for minutes
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
    """Prepares the dataset from images/ and annotations/ in `folder`, without modifying it.

    The layout is that of the unpacked archives. Raises PetsegError with everything missing or
    contradictory.
    """
    mistakes = check_folder(folder, len(BREEDS), len(SPECIES))
    if mistakes:
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        raise PetsegError(f"{folder} is not a usable copy of the dataset:{lines}")
    _prepare(_FolderBuilder(folder, data_dir=str(data_dir), version=VERSION), download_dir)


def require_groups(groups: Iterable[str]) -> None:
    """Raises PetsegError if the dataset lacks a group."""
    if unknown := [group for group in groups if group not in GROUPS]:
        raise PetsegError(
            f"groups: the Oxford-IIIT Pet dataset has no {', '.join(unknown)}; "
            f"it has {' and '.join(GROUPS)}"
        )


def blocks(data_dir: Path, split: str, size: int) -> list[Block]:
    """Returns a split as blocks of `size` examples; `start` is an example's index."""
    count = counts(data_dir)[split]
    return [Block(split, start, min(size, count - start)) for start in range(0, count, size)]


def examples(data_dir: Path, block: Block, groups: Sequence[str]) -> Iterator[RawExample]:
    """Yields a block's encoded examples, always in the same order."""
    skip = tfds.decode.SkipDecoding()
    part = tfds.core.ReadInstruction(
        block.split, from_=block.start, to=block.start + block.count, unit="abs"
    )
    for row in _rows(data_dir, part, {"image": skip, "segmentation_mask": skip}):
        name, texts = _name(row), _groups(row, groups)
        yield RawExample(name, texts, row["image"], row["segmentation_mask"])


def keys(data_dir: Path, split: str, groups: Sequence[str]) -> list[Key]:
    """Returns the keys to draw splits by, without reading images."""
    features = {"file_name": True} | {GROUPS[group][0]: True for group in groups[:1]}
    rows = _rows(data_dir, split, tfds.decode.PartialDecoding(features))
    named = [(_name(row), "".join(_groups(row, groups[:1]))) for row in rows]
    return [Key(name, stratum, digest=name) for name, stratum in named]


def masks(data_dir: Path, split: str, names: Container[str]) -> dict[str, bytes]:
    """Returns a split's encoded masks by name."""
    key = "segmentation_mask"
    decoders = tfds.decode.PartialDecoding(
        {"file_name": True, key: True}, decoders={key: tfds.decode.SkipDecoding()}
    )
    named = ((_name(row), row[key]) for row in _rows(data_dir, split, decoders))
    return {name: mask for name, mask in named if name in names}


def counts(data_dir: Path) -> dict[str, int]:
    """Returns the number of examples per split."""
    splits = _prepared(data_dir).info.splits
    return {split: splits[split].num_examples for split in SPLITS}


def archives() -> dict[str, str]:
    """Returns archive URLs -> the SHA-256 that TFDS requires."""
    return {url: checksum for url, (_, checksum) in _archives().items()}


# TFDS has no types, so mypy does not know the keyword.
class _FolderBuilder(tfds_pets.Builder, skip_registration=True):  # type: ignore[call-arg]
    """TFDS's builder, but reading a folder."""

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
    """Runs a TFDS builder, silent except for progress bars in a terminal."""
    tfds.display_progress_bar(sys.stderr.isatty())
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_dir=str(download_dir))


def _rows(data_dir: Path, split: str | tfds.core.ReadInstruction, decoders) -> Iterator[dict]:
    """Yields a split's examples; reads in batches for speed."""
    dataset = _prepared(data_dir).as_dataset(
        split=split,
        decoders=decoders,
        read_config=tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1),
    )
    for batch in dataset.batch(16).as_numpy_iterator():
        for row in zip(*batch.values(), strict=True):
            yield dict(zip(batch, row, strict=True))


def _name(row: dict) -> str:
    return Path(row["file_name"].decode()).stem


def _groups(row: dict, groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(GROUPS[group][1][int(row[GROUPS[group][0]])] for group in groups)


def _prepared(data_dir: Path):
    return tfds.builder_from_directory(str(data_dir / "oxford_iiit_pet" / VERSION))


def _archives() -> dict[str, tuple[int, str]]:
    """Returns archive URLs -> size in bytes and SHA-256."""
    table = Path(tfds_pets.__file__).with_name("checksums.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines())
    return {url: (int(size), checksum) for url, size, checksum, *_ in rows}


def _missing_archives(download_dir: Path) -> dict[str, tuple[int, str]]:
    """Returns the archives that neither TFDS nor a user put into `download_dir`."""

    def is_here(url: str) -> bool:
        stem = url.rsplit("/", 1)[-1].split(".")[0]
        return any(download_dir.glob(f"*/*{stem[:9]}*.tar.gz"))

    return {url: entry for url, entry in _archives().items() if not is_here(url)}


def _clear_leftovers(download_dir: Path) -> None:
    """Removes leftovers of killed or failed downloads and extractions."""
    if not is_in_use(download_dir):
        for path in download_dir.glob("*/*"):
            if re.fullmatch(r".+\.tmp\.[0-9a-f]{32}|incomplete\.[0-9a-f]{32}[_.].+", path.name):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _download_failed(error: Exception, download_dir: Path) -> PetsegError:
    missing = "".join(f"\n  {url}" for url in _missing_archives(download_dir))
    return PetsegError(
        f"the Oxford-IIIT Pet archives could not be downloaded: {error}{missing}\n"
        "Do one of these:\n"
        "  - with network access, run the same command again; "
        f"verified archives in {download_dir} are reused\n"
        f"  - download the archives by hand and put them into {download_dir / 'manual'}\n"
        "  - set PETSEG_OFFLINE_DIR to a folder with the unpacked images/ and annotations/\n"
        "  - try the pipeline on generated pets: make demo"
    )
