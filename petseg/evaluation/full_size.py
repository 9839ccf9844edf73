"""Networks on images of any size: to the size that a network sees, and its logits back from it.

An image is stretched to that size, as in training: framed in it with its own shape, it scores no
better (tools/compare_framing.py). Labels at the image's own size are made from the logits, brought
there by bilinear interpolation, and not from the small mask, whose steps would be seen.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from petseg.core.dataset_spec import DatasetSpec
from petseg.decoding import photograph

BAND_VALUES = 3 << 20
"""Logits at a time: with what is computed from them, they take some 50 MB."""
MOST_APART = 0.25
"""Share of a band's pixels of which the logits are interpolated one by one; of more, whole rows
are, which is quicker then."""


def network_input(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """What a network that sees images of a size (h, w) sees of an image, RGB or RGBA.

    uint8 (h, w, 3), as for training.
    """
    seen = photograph.on_grey(image)
    return np.asarray(seen.resize(size[::-1], Image.Resampling.BILINEAR))


def bands(logits: np.ndarray, height: int, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Logits (h, w, C) at the size of the image: its rows, and their float32 (rows, width, C).

    Bilinear, with the centres of the pixels as sample points, and in bands of some BAND_VALUES, so
    that a large image, or one of many classes, needs little memory.
    """
    grid = _Grid(logits, height, width)
    for rows in grid.bands():
        yield rows, grid.rows(rows)


def labels(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The labels at the image's size: uint8 (height, width), from logits (h, w, C).

    Between four pixels with one label, every interpolated pixel has it, too: only the others are
    interpolated.
    """
    nearest = logits.argmax(axis=-1).astype(np.uint8)
    grid = _Grid(logits, height, width)
    padded = np.pad(nearest, ((0, 1), (0, 1)), "edge")
    mixed = np.zeros(nearest.shape, bool)
    for corner in (padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]):
        mixed |= corner != nearest
    result = grid.upper_left(nearest)
    for rows in grid.bands():
        between = grid.upper_left(mixed, rows)
        if between.mean() > MOST_APART:
            result[rows] = grid.rows(rows).argmax(axis=-1)
        else:
            places = np.nonzero(between)
            result[rows][places] = grid.at(rows.start + places[0], places[1]).argmax(axis=-1)
    return result


def probabilities(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The probability of each class at the image's size: float32 (height, width, C)."""
    result = np.empty((height, width, logits.shape[2]), np.float32)
    for rows, band in bands(logits, height, width):
        band -= band.max(axis=-1, keepdims=True)
        np.exp(band, out=result[rows])
        result[rows] /= result[rows].sum(axis=-1, keepdims=True)
    return result


def opacity(logits: np.ndarray, labels: np.ndarray, spec: DatasetSpec, region: str) -> np.ndarray:
    """How much of each pixel is a region: uint8 (H, W), 255 in the region and 0 outside.

    In the classes of a soft edge, which hold the true outline: the probability of the region
    against the rest, both without these classes. A region that has no others has a hard edge.
    `logits` are the network's, (h, w, C); `labels` those at the image's size, (H, W).
    PetsegError where the dataset has no such region.
    """
    region_labels = spec.region_labels(region)
    result = np.uint8(255) * np.isin(range(len(spec.classes)), region_labels)[labels]
    soft = spec.labels(spec.soft_edge)
    hard = [label for label in range(len(spec.classes)) if label not in soft]
    inside = [label for label in hard if label in region_labels]
    outside = [label for label in hard if label not in region_labels]
    if not (inside and outside and soft):
        return result
    is_soft = np.isin(range(len(spec.classes)), soft)
    grid = _Grid(logits, *labels.shape)
    for rows in grid.bands():
        places = np.nonzero(is_soft[labels[rows]])
        edge = grid.at(rows.start + places[0], places[1])
        odds = _log_sum_exp(edge[:, outside]) - _log_sum_exp(edge[:, inside])
        with np.errstate(over="ignore"):  # exp of large odds is infinite, which gives 0
            result[rows][places] = np.rint(255 / (1 + np.exp(odds)))
    return result


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """The logarithm of the sum of exponentials over the last axis, (P, C) -> (P,)."""
    highest = logits.max(axis=-1)
    return highest + np.log(np.exp(logits - highest[:, None]).sum(axis=-1))


class _Grid:
    """The pixels of an image of a size, each between four pixels of logits (h, w, C)."""

    def __init__(self, logits: np.ndarray, height: int, width: int):
        self._logits, self._size = logits, (height, width)
        self._above, self._below, self._down = _neighbours(height, logits.shape[0])
        self._left, self._right, self._across = _neighbours(width, logits.shape[1])

    def bands(self) -> Iterator[slice]:
        """Rows of which the logits are at most some BAND_VALUES."""
        height, width = self._size
        step = max(1, BAND_VALUES // (width * self._logits.shape[2]))
        for start in range(0, height, step):
            yield slice(start, min(start + step, height))

    def upper_left(self, values: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """Of each pixel in the rows, the value of the upper left of its four: (rows, width)."""
        return values[:, self._left][self._above[rows]]

    def rows(self, rows: slice) -> np.ndarray:
        """The logits of whole rows: float32 (rows, width, C)."""
        first, last = self._above[rows][0], self._below[rows][-1] + 1
        part = self._logits[first:last]
        wide = _mixed(part[:, self._left], part[:, self._right], self._across[:, None])
        above, below = wide[self._above[rows] - first], wide[self._below[rows] - first]
        return _mixed(above, below, self._down[rows, None, None])

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The logits of single pixels: float32 (P, C), from their rows and columns, (P,) each."""
        left, right, across = self._left[x], self._right[x], self._across[x, None]
        above, below = (
            _mixed(self._logits[row, left], self._logits[row, right], across)
            for row in (self._above[y], self._below[y])
        )
        return _mixed(above, below, self._down[y, None])


def _neighbours(length: int, source: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `length` pixels the two of `source` around it, and the share of the second."""
    positions = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
    first = positions.astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (positions - first).astype(np.float32)


def _mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
