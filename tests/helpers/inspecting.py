"""Runs `petseg inspect` and loads what it proposes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from petseg.app import inspect
from petseg.core.dataset_file import DatasetFile, load_dataset
from petseg.decoding.mask import decode_mask
from petseg.inspection import annotated
from petseg.sources import listing
from tests.helpers import datasets
from tests.helpers.commands import exit_code

IMAGE = np.zeros((20, 30, 3), np.uint8)
MASK = np.repeat(np.array([0, 255], np.uint8), 15)[None].repeat(20, axis=0)


def pairs(folder: Path, *names: str) -> Path:
    """Writes images that differ, and masks with values 0 and 255; returns the folder."""
    for number, name in enumerate(names):
        datasets.write_pair(folder, name, Image.fromarray(IMAGE + number + 1), MASK)
    return folder


class Inspected(NamedTuple):
    """The printed report, the dataset.yaml as text, and the dataset in it."""

    report: str
    yaml: str
    dataset: DatasetFile


def inspected(capsys, folder: Path, *options: str) -> Inspected:
    """Inspects a folder, and writes the proposal as the dataset `mine`."""
    report = run(capsys, folder, "--write", "mine", *options)
    text = Path("datasets/mine/dataset.yaml").read_text(encoding="utf-8")
    return Inspected(report, text, load_dataset("mine"))


def run(capsys, *arguments: object) -> str:
    """Runs a command that must succeed; returns what it prints."""
    code = exit_code(inspect.main, *arguments)
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def refused(capsys, *arguments: object) -> tuple[str, str]:
    """Runs a command that must fail; returns what it prints, and its error message."""
    message = exit_code(inspect.main, *arguments)
    assert isinstance(message, str)
    return capsys.readouterr().out, message


def masks(dataset: DatasetFile) -> dict:
    """Returns the labels of every mask of a dataset that must have no mistake."""
    found = listing.find(dataset)
    assert not any(found.mistakes.values()), found.mistakes
    source = dataset.source
    kind = "coco" if source.coco else "labelme" if source.labelme else "masks"
    read = lambda mask: mask.path.read_bytes()  # noqa: E731
    if kind != "masks":
        read = annotated.drawer(kind, found.rows, dataset, source.unlabelled)
    return {row.name: decode_mask(read(row.mask), dataset) for row in found.rows}
