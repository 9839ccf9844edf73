"""Contradictions between a source and the rest of dataset.yaml."""

import subprocess
import sys
from pathlib import Path

import pytest

from petseg.core.dataset_file import parse_dataset
from petseg.core.errors import PetsegError
from tests.helpers import ROOT

CLASSES = [{"name": "ground", "value": 0}, {"name": "cell", "value": 255}]
FOLDER = {"type": "folder", "images": "images", "masks": "masks", "splits": {"test": 0.2}}


def folder(**changes) -> dict:
    """Returns a folder source with changes, without the keys that are None."""
    return {key: value for key, value in (FOLDER | changes).items() if value is not None}


def mistakes(source: dict, **rest) -> list[str]:
    """Returns the lines of the error message for a dataset.yaml."""
    content = {"source": source, "classes": CLASSES} | rest
    with pytest.raises(PetsegError) as caught:
        parse_dataset(content, "mine", Path("datasets/mine/dataset.yaml"))
    _, *lines = str(caught.value).splitlines()
    return [line.removeprefix("  - ") for line in lines]


GROUPED = {"groups": ["ward"]}
SOURCE_MISTAKES = {
    "no class for what is not annotated": (
        folder(masks=None, coco="coco.json"),
        {},
        "source: unlabelled needs the class of the pixels that no annotation covers, one of "
        "ground, cell, void",
    ),
    "{split} in masks alone": (
        folder(masks="{split}/masks", splits={"train": "a", "test": "b"}),
        {},
        "source.splits: {split} is in masks, so images needs it, too",
    ),
    "{split} without a text for training": (
        folder(images="{split}/images"),
        {},
        "source.splits: train needs the text that replaces {split}",
    ),
    "{split} in path": (folder(path="{split}"), {}, "source.path: {split} belongs in images and"),
    "groups without a table": (folder(), GROUPED, "source: groups needs groups_file, a CSV file"),
    "a table without groups": (folder(groups_file="g.csv"), {}, "source: groups needs groups_file"),
    "a group that is a column already": (
        folder(groups_file="g.csv"),
        {"groups": ["split"]},
        "groups: split is a column of the records already",
    ),
}


@pytest.mark.parametrize(
    ("source", "rest", "mistake"), SOURCE_MISTAKES.values(), ids=SOURCE_MISTAKES
)
def test_contradiction_in_source_is_reported(source, rest, mistake):
    (found,) = mistakes(source, **rest)
    assert found.startswith(mistake)


def test_folder_source_with_groups_file_is_accepted():
    content = {"source": folder(groups_file="g.csv"), "classes": CLASSES} | GROUPED
    dataset = parse_dataset(content, "mine", Path("datasets/mine/dataset.yaml"))
    assert (dataset.file, dataset.folder) == (
        Path("datasets/mine/dataset.yaml"),
        Path("datasets/mine"),
    )


def test_dataset_loads_without_tensorflow():
    code = (
        "import sys; from petseg.core.dataset_file import load_dataset; "
        "load_dataset('oxford_iiit_pet'); "
        "assert not {'tensorflow', 'keras', 'pandas', 'PIL'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
