"""Contradictions between a source and the rest of dataset.yaml."""

from pathlib import Path

import pytest

from petseg.core.dataset_file import parse_dataset
from tests.helpers.dataset_files import CELL_CLASSES as CLASSES
from tests.helpers.dataset_files import folder_source as folder
from tests.helpers.errors import mistakes_in
from tests.helpers.processes import run_python

PATH = Path("datasets/mine/dataset.yaml")


def mistakes(source: dict, **rest) -> list[str]:
    content = {"source": source, "classes": CLASSES} | rest
    return mistakes_in(PATH, lambda: parse_dataset(content, "mine", PATH))


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
    dataset = parse_dataset(content, "mine", PATH)
    assert (dataset.file, dataset.folder) == (PATH, PATH.parent)


def test_dataset_loads_without_tensorflow():
    code = (
        "import sys; from petseg.core.dataset_file import load_dataset; "
        "load_dataset('oxford_iiit_pet'); "
        "assert not {'tensorflow', 'keras', 'pandas', 'PIL'} & sys.modules.keys()"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
