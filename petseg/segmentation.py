"""Networks on photographs of any size: into the network's square, and its logits back out of it.

A photograph is stretched to the square, as those were that the network learnt from: framed in it
with its own shape, it scores no better (scripts/compare_framing.py). Labels at the photograph's own
size are made from the logits, brought there by bilinear interpolation, and not from the small
mask, whose steps would be seen.
"""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from petseg.classes import BACKGROUND, BORDER, PET
from petseg.data import integrity
from petseg.models.folding import fold

BAND_PIXELS = 1 << 20
"""Pixels at a time: their logits and what is computed from them take some 50 MB."""


def square(photograph: Image.Image, size: int) -> np.ndarray:
    """What a network sees of a photograph, RGB or RGBA: uint8 (size, size, 3), as for training."""
    seen = integrity.on_grey(photograph)
    return np.asarray(seen.resize((size, size), Image.Resampling.BILINEAR))


def image_size(model: keras.Model) -> int | None:
    """The side of the square that a network sees, in pixels; None where it takes any."""
    return model.input_shape[1]


def runner(model: keras.Model, *, flip: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """A function of squares, uint8 (N, S, S, 3), that returns their float32 logits (N, S, S, 3).

    With `flip`, the mean of the logits of each square and of its mirror image, mirrored back.
    """
    quick = fold(model)

    @tf.function(reduce_retracing=True)
    def run(squares):
        images = tf.cast(squares, tf.float32)
        logits = quick(images, training=False)
        if flip:
            mirrored = quick(tf.reverse(images, axis=[2]), training=False)
            logits = (logits + tf.reverse(mirrored, axis=[2])) / 2
        return logits

    return lambda squares: run(squares).numpy()


def bands(logits: np.ndarray, height: int, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Logits (h, w, 3) at the size of the photograph: its rows, and their float32 (rows, width, 3).

    Bilinear, with the centres of the pixels as sample points, and in bands of some BAND_PIXELS, so
    that a large photograph needs little memory.
    """
    left, right, share = _neighbours(width, logits.shape[1])
    wide = _mixed(logits[:, left], logits[:, right], share[:, None])
    above, below, share = _neighbours(height, logits.shape[0])
    step = max(1, BAND_PIXELS // width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        yield rows, _mixed(wide[above[rows]], wide[below[rows]], share[rows, None, None])


def labels(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The labels at the photograph's size: uint8 (height, width), from logits (h, w, 3)."""
    result = np.empty((height, width), np.uint8)
    for rows, band in bands(logits, height, width):
        result[rows] = band.argmax(axis=-1)
    return result


def opacity(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much of each pixel is pet: uint8 (H, W), 255 in the pet and 0 in the background.

    In the border, which holds the true outline, the probability of pet against background alone.
    `logits` are the network's, (h, w, 3); `labels` those at the photograph's size, (H, W).
    """
    result = np.where(labels == PET, np.uint8(255), np.uint8(0))
    for rows, band in bands(logits, *labels.shape):
        border = labels[rows] == BORDER
        odds = band[border, BACKGROUND] - band[border, PET]
        with np.errstate(over="ignore"):  # exp of large odds is infinite, which gives 0
            result[rows][border] = np.rint(255 / (1 + np.exp(odds)))
    return result


def _neighbours(length: int, source: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `length` places the two of `source` around it, and the share of the second."""
    places = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
    first = places.astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (places - first).astype(np.float32)


def _mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
