"""What scoring a predictor gives."""

from typing import NamedTuple

import numpy as np

from petseg.core.dataset_spec import DatasetSpec
from petseg.metrics import scores


class Counted(NamedTuple):
    """Pixel counts: the confusion matrix of all images, int64 (C, C), and the counts of each.

    `counts`, int64 (N, K, 3), are those of classes and then regions; see `scores.counts`.
    """

    matrix: np.ndarray
    counts: np.ndarray


class Result(NamedTuple):
    """A predictor's result on N images, in pixels of the masks as published and of the records.

    `near_outlines`, int64 (N, K, 3), are those of `boundary.counts`, of the masks as published.
    `cross_entropy` is in nats, of the records' pixels, float64 (N,); `reliability`, float64
    (2, BINS, 3), that of `calibration`, of the same pixels, without and with the `temperature`.
    All are None for a constant prediction.
    """

    original: Counted
    in_records: Counted
    near_outlines: np.ndarray
    cross_entropy: np.ndarray | None = None
    reliability: np.ndarray | None = None
    temperature: float | None = None


class Counter:
    """Adds up the confusion matrices of images, int64 (C, C) each, some at a time."""

    def __init__(self, spec: DatasetSpec):
        classes = len(spec.classes)
        self._label_sets = spec.label_sets
        self._matrix = np.zeros((classes, classes), np.int64)
        self._counts: list[np.ndarray] = []

    def add(self, matrices: np.ndarray) -> None:
        """Adds those of B images, int64 (B, C, C)."""
        self._matrix += matrices.sum(axis=0)
        self._counts.append(scores.counts(matrices, self._label_sets))

    def counted(self) -> Counted:
        """All that was added."""
        return Counted(self._matrix, np.concatenate(self._counts))
