"""Predictions that see no image: what every network must beat."""

from collections.abc import Iterable

import numpy as np

from petseg.core.classes import BACKGROUND, NUM_CLASSES
from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices


def constant_baselines(training_masks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Two constant predictions, uint8 (S, S).

    `background` everywhere, and the `most_frequent` class of the training masks, uint8 (S, S)
    each, at every pixel.
    """
    labels = np.arange(NUM_CLASSES)[:, None, None]
    counts = sum((mask == labels).astype(np.int64) for mask in training_masks)
    return {
        "background": np.full(counts.shape[1:], BACKGROUND, np.uint8),
        "most_frequent": np.argmax(counts, axis=0).astype(np.uint8),
    }


def best_baseline(
    training_masks: Iterable[np.ndarray], validation_masks: Iterable[np.ndarray]
) -> tuple[str, np.ndarray]:
    """Name and mask of the constant prediction with the higher mean IoU on the validation split."""
    baselines = constant_baselines(training_masks)
    predicted = np.stack(list(baselines.values()))
    counts = sum(
        confusion_matrices(np.broadcast_to(truth, predicted.shape), predicted, NUM_CLASSES)
        for truth in validation_masks
    )
    quality = dict(zip(baselines, scores.mean_iou(counts), strict=True))
    return max(baselines.items(), key=lambda item: quality[item[0]])
