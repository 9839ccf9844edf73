"""Whether a network is as often right as it says: reliability, and a temperature that mends it.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017: a pixel's
confidence is its largest probability; the expected calibration error is the mean distance of
confidence and accuracy over bins of confidence; logits divided by a temperature, fitted by the
cross-entropy on images that trained nothing, leave the predictions as they are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import VOID

BINS = 15
"""Of confidence, equally wide, as in the paper."""
COUNTS = ("pixels", "confidence", "correct")
"""The last axis of what `reliability` returns: a number, and two sums."""
LOWEST, HIGHEST = 0.1, 10.0
"""Temperatures between which the best one is searched for."""
_STEPS = 40
_GOLDEN = (5**0.5 - 1) / 2


def reliability(
    logits: NDArray[np.float32], labels: NDArray[np.uint8], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Of pixels, by bins of their confidence: float64 (BINS, 3), as COUNTS says; they add up.

    `logits` are float32 (..., C), `labels` uint8 (...); VOID is not counted.
    """
    counted = labels != VOID
    probabilities = _probabilities(logits[counted] / np.float32(temperature))
    confidence = probabilities.max(axis=-1)
    correct = probabilities.argmax(axis=-1) == labels[counted]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    sums = (np.bincount(bins, weights, BINS) for weights in (None, confidence, correct))
    return np.stack(list(sums), axis=1).astype(np.float64)


def expected_error(reliability: NDArray[np.float64]) -> float:
    """The expected calibration error, in [0, 1]; NaN where there is no pixel."""
    pixels, confidence, correct = reliability.T
    with np.errstate(invalid="ignore"):
        return float(np.abs(confidence - correct).sum() / np.float64(pixels.sum()))


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
    """The temperature with the least cross-entropy, by golden section in its logarithm.

    `logits` are float32 (N, C), `labels` (N,) without VOID; 1 where there are none. The
    cross-entropy is convex in the inverse of the temperature, so that there is one best.
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
