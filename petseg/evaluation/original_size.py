"""Predictions and scores at the published masks' size."""

import numpy as np

from petseg.core.dataset_spec import DatasetSpec
from petseg.decoding.mask import decode_mask
from petseg.evaluation import full_size
from petseg.metrics.confusion import confusion_matrices


def labels(logits: np.ndarray, mask: bytes, spec: DatasetSpec) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels in an encoded mask, and of logits (h, w, C): uint8 (H, W) both."""
    truth = decode_mask(mask, spec)
    return truth, full_size.labels(logits, *truth.shape)


def confusion_matrix(logits: np.ndarray, mask: bytes, spec: DatasetSpec) -> np.ndarray:
    """Returns an image's confusion matrix at its encoded mask's size: int64 (C, C)."""
    truth, predicted = labels(logits, mask, spec)
    return confusion_matrices(truth[None], predicted[None], len(spec.classes))[0]
