"""Facts about each image for the dataset report."""

from typing import NamedTuple

import imagehash
import numpy as np
import PIL.Image

from petseg.core.dataset_spec import VOID

CELLS = 32
"""Rows and columns of the grid on which class positions are summed."""


class Facts(NamedTuple):
    """Original size, mean grey in [0, 1], 64-bit perceptual hash, mask pixels of each class."""

    width: int
    height: int
    brightness: float
    hash: int
    pixels: tuple[int, ...]


class Image(NamedTuple):
    """An image with its facts."""

    name: str
    split: str
    left_out: bool
    facts: Facts


def of_image(size: tuple[int, int], image: np.ndarray, mask: np.ndarray, classes: int) -> Facts:
    """Returns the facts of a record's uint8 (H, W, 3) image of original (width, height) `size`.

    ImageHash's phash takes the signs of the lowest grey frequencies.
    """
    pixels = np.bincount(mask.ravel(), minlength=VOID + 1)[:classes]
    digest = int(str(imagehash.phash(PIL.Image.fromarray(image))), 16)
    return Facts(*size, round(float(image.mean()) / 255, 4), digest, tuple(pixels.tolist()))


def places(mask: np.ndarray, classes: int) -> np.ndarray:
    """Returns class shares in grid cells, float64 (C, CELLS, CELLS).

    The mask's sides are multiples of CELLS, as in all records.
    """
    height, width = (side // CELLS for side in mask.shape)
    cells = mask.reshape(CELLS, height, CELLS, width)
    found = np.zeros((classes, CELLS, CELLS))
    for label in np.unique(mask):
        if label < classes:
            found[label] = (cells == label).mean(axis=(1, 3))
    return found
