"""Confusion matrices, from which all scores are computed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import VOID


def confusion_matrices(
    truth: NDArray[Any], predicted: NDArray[Any], classes: int
) -> NDArray[np.int64]:
    """Returns int64 (B, C, C): for each image the pixels by truth (row) and prediction (column).

    `truth` and `predicted` are integers (B, H, W) from 0 to C - 1, with C = `classes`. Pixels whose
    truth is VOID are ignored.
    """
    cells = np.asarray(truth, np.intp) * classes + predicted
    cells[truth == VOID] = classes**2
    images, bins = len(cells), classes**2 + 1
    cells += (np.arange(images) * bins)[:, None, None]
    counts = np.bincount(cells.ravel(), minlength=images * bins).reshape(images, bins)
    return counts[:, :-1].reshape(images, classes, classes)
