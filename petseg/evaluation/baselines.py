"""Predictions that see no image: what every network must beat."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices


def constant_baselines(training_masks: Iterable[np.ndarray], classes: int) -> dict[str, np.ndarray]:
    """Two constant predictions, uint8 (H, W).

    The class that is the most frequent one in the training masks, uint8 (H, W) each: over all of
    their pixels (`most_frequent`), and at each pixel (`most_frequent_per_pixel`). VOID is not
    counted.
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
    """Name and mask of the constant prediction with the higher mean IoU on the validation split."""
    baselines = constant_baselines(training_masks, classes)
    predicted = np.stack(list(baselines.values()))
    matrices: Any = sum(
        confusion_matrices(np.broadcast_to(truth, predicted.shape), predicted, classes)
        for truth in validation_masks
    )
    quality = dict(zip(baselines, scores.mean_iou(scores.counts(matrices)), strict=True))
    return max(baselines.items(), key=lambda item: quality[item[0]])
