"""What is known of each image on its way to a record: what the dataset's report is made of."""

from typing import NamedTuple

import imagehash
import numpy as np
import PIL.Image

from petseg.core.dataset_spec import VOID

CELLS = 32
"""Rows and columns of the grid on which the places of classes are added up."""


class Facts(NamedTuple):
    """An image: its own size in pixels, mean grey in [0, 1], perceptual hash of 64 bits, and how
    many pixels of its mask, at the records' size, each class has."""

    width: int
    height: int
    brightness: float
    hash: int
    pixels: tuple[int, ...]


class Image(NamedTuple):
    """An image by its name, with its split, whether it is left out, and its facts."""

    name: str
    split: str
    left_out: bool
    facts: Facts


def of_image(size: tuple[int, int], image: np.ndarray, mask: np.ndarray, classes: int) -> Facts:
    """The facts of an image uint8 (H, W, 3) of the records, whose own (width, height) is `size`.

    The hash is ImageHash's phash: the signs of the lowest frequencies of the grey image.
    """
    pixels = np.bincount(mask.ravel(), minlength=VOID + 1)[:classes]
    digest = int(str(imagehash.phash(PIL.Image.fromarray(image))), 16)
    return Facts(*size, round(float(image.mean()) / 255, 4), digest, tuple(pixels.tolist()))


def places(mask: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class in each cell of a grid over a mask: float64 (C, CELLS, CELLS).

    The mask's sides, (H, W), are multiples of CELLS, as all records' are.
    """
    height, width = (side // CELLS for side in mask.shape)
    cells = mask.reshape(CELLS, height, CELLS, width)
    found = np.zeros((classes, CELLS, CELLS))
    for label in np.unique(mask):
        if label < classes:
            found[label] = (cells == label).mean(axis=(1, 3))
    return found
