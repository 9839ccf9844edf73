"""Scores at the images' own size in the dataset, against the masks as they were published."""

import numpy as np

from petseg.core.dataset_spec import DatasetSpec
from petseg.decoding.mask import decode_mask
from petseg.evaluation import full_size
from petseg.metrics.confusion import confusion_matrices


def confusion_matrix(logits: np.ndarray, mask: bytes, spec: DatasetSpec) -> np.ndarray:
    """The confusion matrix of one image in pixels of its encoded mask: int64 (C, C).

    `logits` are the network's, float32 (h, w, C).
    """
    truth = decode_mask(mask, spec)
    predicted = full_size.labels(logits, *truth.shape)
    return confusion_matrices(truth[None], predicted[None], len(spec.classes))[0]
