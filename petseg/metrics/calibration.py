"""Calibration: reliability by bins of confidence, and temperature scaling.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017. A pixel's
confidence is its largest probability. The expected calibration error is the mean distance between
confidence and accuracy over bins of confidence. Temperature scaling divides the logits by a number
that minimises the cross-entropy on images not used for training. It changes no prediction.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import VOID

BINS = 15
"""The number of confidence bins, of equal width, as in the paper."""
COUNTS = ("pixels", "confidence", "correct")
"""The last axis of the result of `reliability`: a count and two sums."""
LOWEST, HIGHEST = 0.1, 10.0
"""The range in which the best temperature is searched."""
_STEPS = 40
_GOLDEN = (5**0.5 - 1) / 2


def reliability(
    logits: NDArray[np.float32], labels: NDArray[np.uint8], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Sums COUNTS over the pixels of each confidence bin: float64 (BINS, 3).

    `logits` are float32 (..., C), `labels` uint8 (...). VOID is ignored. Results can be summed.
    """
    counted = labels != VOID
    probabilities = _probabilities(logits[counted] / np.float32(temperature))
    confidence = probabilities.max(axis=-1)
    correct = probabilities.argmax(axis=-1) == labels[counted]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    sums = (np.bincount(bins, weights, BINS) for weights in (None, confidence, correct))
    return np.stack(list(sums), axis=1).astype(np.float64)


def expected_error(reliability: NDArray[np.float64]) -> float:
    """Returns the expected calibration error, in [0, 1], or NaN without pixels."""
    pixels, confidence, correct = reliability.T
    with np.errstate(invalid="ignore"):
        return float(np.abs(confidence - correct).sum() / np.float64(pixels.sum()))


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
    """Returns the temperature with the lowest cross-entropy, or 1 without pixels.

    `logits` are float32 (N, C), `labels` (N,) without VOID. Uses a golden-section search in the
    logarithm. The minimum is unique: the cross-entropy is convex in the inverse temperature.
    """
    if not len(labels):
        return 1.0
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(_STEPS):
        step = _GOLDEN * (high - low)
        left, right = high - step, low + step
        if _cross_entropy(logits, labels, left) < _cross_entropy(logits, labels, right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def _cross_entropy(
    logits: NDArray[np.float32], labels: NDArray[Any], log_temperature: float
) -> float:
    scaled = logits / np.float32(np.exp(log_temperature))
    shifted = scaled - scaled.max(axis=-1, keepdims=True)
    of_labels = np.take_along_axis(shifted, labels[:, None].astype(np.intp), axis=-1)[:, 0]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=-1)) - of_labels, dtype=np.float64))


def _probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponentials: NDArray[np.float32] = np.exp(logits - logits.max(axis=-1, keepdims=True))
    sums: NDArray[np.float32] = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / sums
