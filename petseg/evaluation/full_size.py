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
    left, right, across = _neighbours(width, logits.shape[1])
    above, below, down = _neighbours(height, logits.shape[0])
    step = max(1, BAND_VALUES // (width * logits.shape[2]))
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        first, last = above[rows][0], below[rows][-1] + 1
        part = logits[first:last]
        wide = _mixed(part[:, left], part[:, right], across[:, None])
        yield (
            rows,
            _mixed(wide[above[rows] - first], wide[below[rows] - first], down[rows, None, None]),
        )


def labels(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The labels at the image's size: uint8 (height, width), from logits (h, w, C)."""
    result = np.empty((height, width), np.uint8)
    for rows, band in bands(logits, height, width):
        result[rows] = band.argmax(axis=-1)
    return result


def opacity(logits: np.ndarray, labels: np.ndarray, spec: DatasetSpec, region: str) -> np.ndarray:
    """How much of each pixel is a region: uint8 (H, W), 255 in the region and 0 outside.

    In the classes of a soft edge, which hold the true outline: the probability of the region
    against the rest, both without these classes. A region that has no others has a hard edge.
    `logits` are the network's, (h, w, C); `labels` those at the image's size, (H, W).
    PetsegError where the dataset has no such region.
    """
    region_labels = spec.region_labels(region)
    result = np.zeros(labels.shape, np.uint8)
    for label in region_labels:  # np.isin takes 8 bytes a pixel
        result[labels == label] = 255
    soft = spec.labels(spec.soft_edge)
    hard = [label for label in range(len(spec.classes)) if label not in soft]
    inside = [label for label in hard if label in region_labels]
    outside = [label for label in hard if label not in region_labels]
    if not (inside and outside and soft):
        return result
    for rows, band in bands(logits, *labels.shape):
        edge = np.isin(labels[rows], soft)
        odds = _log_sum_exp(band[edge][:, outside]) - _log_sum_exp(band[edge][:, inside])
        with np.errstate(over="ignore"):  # exp of large odds is infinite, which gives 0
            result[rows][edge] = np.rint(255 / (1 + np.exp(odds)))
    return result


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """The logarithm of the sum of exponentials over the last axis, (P, C) -> (P,)."""
    highest = logits.max(axis=-1)
    return highest + np.log(np.exp(logits - highest[:, None]).sum(axis=-1))


def _neighbours(length: int, source: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `length` pixels the two of `source` around it, and the share of the second."""
    positions = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
    first = positions.astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (positions - first).astype(np.float32)


def _mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
