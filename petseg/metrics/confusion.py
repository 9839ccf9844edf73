"""Confusion matrices: the counts from which every score derives."""

import numpy as np


def confusion_matrices(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """One matrix an image: int64 (B, C, C), rows the truth, columns the prediction, in pixels.

    `truth` and `predicted` are integer (B, H, W) of values 0 to C - 1, C = `classes`.
    """
    cells = np.asarray(truth, np.intp) * classes + predicted
    cells += (np.arange(len(cells)) * classes**2)[:, None, None]
    counts = np.bincount(cells.ravel(), minlength=len(cells) * classes**2)
    return counts.reshape(-1, classes, classes)
