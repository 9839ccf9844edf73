"""Networks on images of any size: into the network's square, and its logits back out of it.

An image is stretched to the square, as in training: framed in it with its own shape, it scores no
better (tools/compare_framing.py). Labels at the image's own size are made from the logits, brought
there by bilinear interpolation, and not from the small mask, whose steps would be seen.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from petseg.core.classes import BACKGROUND, BORDER, PET
from petseg.sources import integrity

BAND_PIXELS = 1 << 20
"""Pixels at a time: their logits and what is computed from them take some 50 MB."""


def square(image: Image.Image, size: int) -> np.ndarray:
    """What a network sees of an image, RGB or RGBA: uint8 (size, size, 3), as for training."""
    seen = integrity.on_grey(image)
    return np.asarray(seen.resize((size, size), Image.Resampling.BILINEAR))


def bands(logits: np.ndarray, height: int, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Logits (h, w, 3) at the size of the image: its rows, and their float32 (rows, width, 3).

    Bilinear, with the centres of the pixels as sample points, and in bands of some BAND_PIXELS, so
    that a large image needs little memory.
    """
    left, right, share = _neighbours(width, logits.shape[1])
    wide = _mixed(logits[:, left], logits[:, right], share[:, None])
    above, below, share = _neighbours(height, logits.shape[0])
    step = max(1, BAND_PIXELS // width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        yield rows, _mixed(wide[above[rows]], wide[below[rows]], share[rows, None, None])


def labels(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The labels at the image's size: uint8 (height, width), from logits (h, w, 3)."""
    result = np.empty((height, width), np.uint8)
    for rows, band in bands(logits, height, width):
        result[rows] = band.argmax(axis=-1)
    return result


def opacity(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much of each pixel is pet: uint8 (H, W), 255 in the pet and 0 in the background.

    In the border, which holds the true outline, the probability of pet against background alone.
    `logits` are the network's, (h, w, 3); `labels` those at the image's size, (H, W).
    """
    result = np.where(labels == PET, np.uint8(255), np.uint8(0))
    for rows, band in bands(logits, *labels.shape):
        border = labels[rows] == BORDER
        odds = band[border, BACKGROUND] - band[border, PET]
        with np.errstate(over="ignore"):  # exp of large odds is infinite, which gives 0
            result[rows][border] = np.rint(255 / (1 + np.exp(odds)))
    return result


def _neighbours(length: int, source: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `length` pixels the two of `source` around it, and the share of the second."""
    positions = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
    first = positions.astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (positions - first).astype(np.float32)


def _mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
