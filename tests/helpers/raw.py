"""Datasets as `download` leaves them in data/raw/dataset."""

from collections.abc import Sequence
from pathlib import Path

from petseg.core import yaml12
from petseg.core.dataset_file import DatasetFile, Folder, parse_dataset
from petseg.core.paths import dataset_file
from petseg.sources import acquisition, oxford_pets, raw
from petseg.sources.raw_example import RawExample
from tests.helpers import ROOT


def shipped(
    name: str, groups: list[str] | None = None, leave_out: Sequence[str] = (), **source
) -> DatasetFile:
    """A dataset of this project, with other groups or other values in its source."""
    path = ROOT / dataset_file(name)
    content = yaml12.read(path)
    content["source"] |= source
    content["groups"] = content["groups"] if groups is None else groups
    content["leave_out"] = list(leave_out)
    return parse_dataset(content, name, path)


def prepared_pets(copy: Path, target: Path, leave_out: Sequence[str] = ()) -> Path:
    """The Oxford-IIIT Pets, or drawings of such, from a folder; returns `target`."""
    oxford_pets.prepare_from_folder(copy, target, target / "downloads")
    dataset = shipped("oxford_iiit_pet", leave_out=leave_out)
    raw.describe(target, dataset, "tfds", acquisition.FROM_TRAINING)
    return target


def all_examples(dataset: raw.RawDataset, split: str) -> list[RawExample]:
    """The examples of a split, read in blocks."""
    return [one for block in dataset.blocks(split, 2) for one in dataset.examples(block)]


CELL_CLASSES = [{"name": "ground", "value": 0}, {"name": "cell", "value": 255}]


def described(folder: Path, splits: dict, classes=CELL_CLASSES, **rest) -> DatasetFile:
    """A folder's dataset.yaml, written and read: `images` and `masks`, unless `rest` differs.

    What `rest` has beside keys of the source belongs to the spec.
    """
    names = set(Folder.model_fields) & rest.keys()
    source = {"type": "folder", "images": "images", "masks": "masks", "splits": splits}
    source |= {name: rest.pop(name) for name in names}
    source = {key: value for key, value in source.items() if value is not None}
    content = {"source": source, "classes": classes} | rest
    path = folder / "dataset.yaml"
    path.write_text(yaml12.dump(content), encoding="utf-8")
    return parse_dataset(yaml12.read(path), folder.name, path)
