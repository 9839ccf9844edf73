"""Confusion matrices: the counts from which every score derives."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import VOID


def confusion_matrices(
    truth: NDArray[Any], predicted: NDArray[Any], classes: int
) -> NDArray[np.int64]:
    """One matrix an image: int64 (B, C, C), rows the truth, columns the prediction, in pixels.

    `truth` and `predicted` are integer (B, H, W) of values 0 to C - 1, C = `classes`. Pixels whose
    truth is VOID are not counted.
    """
    cells = np.asarray(truth, np.intp) * classes + predicted
    cells[truth == VOID] = classes**2
    images, bins = len(cells), classes**2 + 1
    cells += (np.arange(images) * bins)[:, None, None]
    counts = np.bincount(cells.ravel(), minlength=images * bins).reshape(images, bins)
    return counts[:, :-1].reshape(images, classes, classes)
