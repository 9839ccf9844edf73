"""Resizes between images of any size and a network's input and logits.

Images are stretched, as in training: keeping the aspect ratio scores no better
(tools/compare_framing.py). Logits are interpolated, as an enlarged mask would show steps.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from petseg.core.dataset_spec import DatasetSpec
from petseg.decoding import photograph

BAND_VALUES = 3 << 20
"""Logits interpolated at a time: about 50 MB with temporary arrays."""
MAX_SPARSE_SHARE = 0.25
"""Share of pixels above which interpolating whole rows is faster."""


def network_input(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Returns an RGB or RGBA image, transparency on grey as in training: uint8 (h, w, 3)."""
    seen = photograph.on_grey(image)
    return np.asarray(seen.resize(size[::-1], Image.Resampling.BILINEAR))


def bands(logits: np.ndarray, height: int, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields slices of rows, and their logits at the image's size, float32 (rows, width, C).

    Interpolates logits (h, w, C) bilinearly at pixel centres. Bands have about BAND_VALUES values,
    to limit memory.
    """
    grid = _Grid(logits, height, width)
    for rows in grid.bands():
        yield rows, grid.rows(rows)


def labels(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns labels at the image's size, uint8 (height, width), from logits (h, w, C).

    Interpolates only where the four neighbours differ: else all pixels between have their label.
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
        if between.mean() > MAX_SPARSE_SHARE:
            result[rows] = grid.rows(rows).argmax(axis=-1)
        else:
            y, x = np.nonzero(between)
            result[rows][y, x] = grid.at(rows.start + y, x).argmax(axis=-1)
    return result


def probabilities(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns class probabilities at the image's size: float32 (height, width, C)."""
    result = np.empty((height, width, logits.shape[2]), np.float32)
    for rows, band in bands(logits, height, width):
        band -= band.max(axis=-1, keepdims=True)
        np.exp(band, out=result[rows])
        result[rows] /= result[rows].sum(axis=-1, keepdims=True)
    return result


def opacity(logits: np.ndarray, labels: np.ndarray, spec: DatasetSpec, region: str) -> np.ndarray:
    """Returns a region's opacity, uint8 (H, W): 255 inside, 0 outside.

    In the soft-edge classes, which contain the true outline, it is the probability of the region
    against the rest, both without these classes. A region without other classes has a hard edge.

    `logits` are (h, w, C), `labels` (H, W). Raises PetsegError if the region is unknown.
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
        y, x = np.nonzero(is_soft[labels[rows]])
        edge = grid.at(rows.start + y, x)
        odds = _log_sum_exp(edge[:, outside]) - _log_sum_exp(edge[:, inside])
        with np.errstate(over="ignore"):  # exp of large odds is infinite: opacity 0
            result[rows][y, x] = np.rint(255 / (1 + np.exp(odds)))
    return result


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """(P, C) -> (P,)."""
    highest = logits.max(axis=-1)
    return highest + np.log(np.exp(logits - highest[:, None]).sum(axis=-1))


class _Grid:
    """Interpolates logits (h, w, C) at an image's pixels."""

    def __init__(self, logits: np.ndarray, height: int, width: int):
        self._logits, self._size = logits, (height, width)
        self._above, self._below, self._down = _neighbours(height, logits.shape[0])
        self._left, self._right, self._across = _neighbours(width, logits.shape[1])

    def bands(self) -> Iterator[slice]:
        """Yields slices of rows with about BAND_VALUES logits."""
        height, width = self._size
        step = max(1, BAND_VALUES // (width * self._logits.shape[2]))
        for start in range(0, height, step):
            yield slice(start, min(start + step, height))

    def upper_left(self, values: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """Returns pixels' upper left neighbours: (rows, width)."""
        return values[:, self._left][self._above[rows]]

    def rows(self, rows: slice) -> np.ndarray:
        """Returns logits of rows: float32 (rows, width, C)."""
        first, last = self._above[rows][0], self._below[rows][-1] + 1
        part = self._logits[first:last]
        wide = _interpolated(part[:, self._left], part[:, self._right], self._across[:, None])
        above, below = wide[self._above[rows] - first], wide[self._below[rows] - first]
        return _interpolated(above, below, self._down[rows, None, None])

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Returns logits of pixels, float32 (P, C); `y` and `x` are (P,)."""
        left, right, across = self._left[x], self._right[x], self._across[x, None]
        above, below = (
            _interpolated(self._logits[row, left], self._logits[row, right], across)
            for row in (self._above[y], self._below[y])
        )
        return _interpolated(above, below, self._down[y, None])


def _neighbours(length: int, source: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each pixel's two neighbours, and the second's weight."""
    positions = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
    first = positions.astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (positions - first).astype(np.float32)


def _interpolated(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
