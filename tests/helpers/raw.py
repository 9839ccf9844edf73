"""Datasets as `download` leaves them in data/raw/dataset, and their records."""

from collections.abc import Sequence
from pathlib import Path

from petseg.sources import acquisition, oxford_pets, preparation, raw
from petseg.sources.raw_example import RawExample
from tests.helpers.dataset_files import shipped

SETTINGS = {
    "image_size": (32, 32),
    "validation_share": 0.2,
    "drop_unlabelled": True,
    "max_bad_examples": 0,
    "shard_examples": 50,
    "seed": 1,
}


def prepared_pets(copy: Path, target: Path, leave_out: Sequence[str] = ()) -> Path:
    """Prepares the Oxford-IIIT Pets, or drawings of pets, from a folder; returns `target`."""
    oxford_pets.prepare_from_folder(copy, target, target / "downloads")
    dataset = shipped("oxford_iiit_pet", leave_out=leave_out)
    raw.describe(target, dataset, "tfds", acquisition.FROM_TRAINING)
    return target


def all_examples(dataset: raw.RawDataset, split: str) -> list[RawExample]:
    """Returns the examples of a split, read in blocks."""
    return [one for block in dataset.blocks(split, 2) for one in dataset.examples(block)]


def write_records(raw_folder: Path, folder: Path, **changes) -> preparation.Outcome:
    """Writes the records of a raw dataset into a new folder, with changes of SETTINGS."""
    folder.mkdir()
    return preparation.write_records(raw_folder, folder, **(SETTINGS | changes))
