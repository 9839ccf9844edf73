"""Constant predictions: the baseline for every network."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices


def constant_baselines(training_masks: Iterable[np.ndarray], classes: int) -> dict[str, np.ndarray]:
    """Returns two constant predictions, uint8 (H, W), from training masks, uint8 (H, W) each.

    The most frequent class is that of all pixels or of each position. VOID is not counted.
    """
    labels = np.arange(classes)[:, None, None]
    counts = sum((mask == labels).astype(np.int64) for mask in training_masks)
    most_frequent = counts.sum(axis=(1, 2)).argmax()
    return {
        "most_frequent": np.full(counts.shape[1:], most_frequent, np.uint8),
        "most_frequent_per_pixel": counts.argmax(axis=0).astype(np.uint8),
    }


def best_baseline(
    training_masks: Iterable[np.ndarray], validation_masks: Iterable[np.ndarray], classes: int
) -> tuple[str, np.ndarray]:
    """Returns name and mask of the baseline with the higher mean IoU in validation."""
    baselines = constant_baselines(training_masks, classes)
    predicted = np.stack(list(baselines.values()))
    matrices: Any = sum(
        confusion_matrices(np.broadcast_to(truth, predicted.shape), predicted, classes)
        for truth in validation_masks
    )
    quality = dict(zip(baselines, scores.mean_iou(scores.counts(matrices)), strict=True))
    return max(baselines.items(), key=lambda item: quality[item[0]])
