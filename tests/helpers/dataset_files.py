"""The file dataset.yaml of datasets: those of this project, and those of small folders."""

from collections.abc import Sequence
from pathlib import Path

from petseg.core import yaml12
from petseg.core.dataset_file import DatasetFile, Folder, parse_dataset
from petseg.core.paths import dataset_file
from tests.helpers import ROOT

CELL_CLASSES = [{"name": "ground", "value": 0}, {"name": "cell", "value": 255}]


def shipped(
    name: str, groups: list[str] | None = None, leave_out: Sequence[str] = (), **source
) -> DatasetFile:
    """Returns a dataset of this project, with other groups or other values in its source."""
    path = ROOT / dataset_file(name)
    content = yaml12.read(path)
    content["source"] |= source
    content["groups"] = content["groups"] if groups is None else groups
    content["leave_out"] = list(leave_out)
    return parse_dataset(content, name, path)


def folder_source(**changes) -> dict:
    """Returns the section `source` of a folder of images and masks, without keys that are None."""
    source = {"type": "folder", "images": "images", "masks": "masks", "splits": {"test": 0.2}}
    return {key: value for key, value in (source | changes).items() if value is not None}


def described(folder: Path, splits: dict, classes=CELL_CLASSES, **changes) -> DatasetFile:
    """Writes the dataset.yaml of a folder, and reads it.

    `changes` are keys of its `folder_source`, or of the dataset itself.
    """
    of_source = set(Folder.model_fields) & changes.keys()
    source = folder_source(splits=splits, **{name: changes.pop(name) for name in of_source})
    path = folder / "dataset.yaml"
    content = {"source": source, "classes": classes} | changes
    path.write_text(yaml12.dump(content), encoding="utf-8")
    return parse_dataset(yaml12.read(path), folder.name, path)
