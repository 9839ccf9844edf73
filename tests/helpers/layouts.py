"""Folders of images and masks in any layout, and the layout that is found."""

from pathlib import Path

import numpy as np
from PIL import Image

from petseg.inspection import dataset_yaml
from petseg.inspection.layouts import find_layouts
from petseg.inspection.tree import walk
from petseg.sources import listing

IMAGE = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
MASK = Image.fromarray(np.zeros((4, 6), np.uint8))


def write(folder: Path, *names: str) -> None:
    """Writes files: masks if the suffix is .png, else images."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (MASK if path.suffix == ".png" else IMAGE).save(path)


def found(folder: Path) -> tuple:
    """Returns the first layout that is found, and the images of each split in it."""
    layouts, _ = find_layouts(walk(folder))
    layout = layouts[0]
    examples = listing.find(dataset_yaml.inspected(folder, layout))
    assert not any(examples.mistakes.values())
    assert len(examples.rows) == layout.count
    splits: dict[str, list[str]] = {}
    for row in examples.rows:
        splits.setdefault(row.split, []).append(row.image.relative_to(folder).as_posix())
    return layout.images, layout.masks, layout.suffix, splits
