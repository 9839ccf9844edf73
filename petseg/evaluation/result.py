"""The result of scoring a predictor."""

from typing import NamedTuple

import numpy as np

from petseg.core.dataset_spec import DatasetSpec
from petseg.metrics import scores


class Counted(NamedTuple):
    """The confusion matrix of all images, int64 (C, C), and counts per image, int64 (N, K, 3).

    `counts` are of classes, then regions; see `scores.counts`.
    """

    matrix: np.ndarray
    counts: np.ndarray


class Result(NamedTuple):
    """A predictor's result on N images, on published masks and records' masks.

    `near_outlines`, int64 (N, K, 3), are `boundary.counts` of the published masks. Over the
    records' pixels, `cross_entropy`, float64 (N,), is in nats, and `reliability` (see
    `calibration`), float64 (2, BINS, 3), is without and with `temperature`; these are None for a
    constant prediction.
    """

    original: Counted
    in_records: Counted
    near_outlines: np.ndarray
    cross_entropy: np.ndarray | None = None
    reliability: np.ndarray | None = None
    temperature: float | None = None


class Counter:
    """Adds up images' confusion matrices, batch by batch."""

    def __init__(self, spec: DatasetSpec):
        classes = len(spec.classes)
        self._label_sets = spec.label_sets
        self._matrix = np.zeros((classes, classes), np.int64)
        self._counts: list[np.ndarray] = []

    def add(self, matrices: np.ndarray) -> None:
        """Adds matrices, int64 (B, C, C)."""
        self._matrix += matrices.sum(axis=0)
        self._counts.append(scores.counts(matrices, self._label_sets))

    def counted(self) -> Counted:
        """Returns the counts of all images so far."""
        return Counted(self._matrix, np.concatenate(self._counts))
