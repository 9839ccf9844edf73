"""Boundary IoU, which counts only pixels near outlines.

Cheng, Girshick, Dollár, Berg and Kirillov, "Boundary IoU: Improving Object-Centric Image
Segmentation Evaluation", CVPR 2021. Most pixels of a large object are far from its outline, so IoU
hardly distinguishes a sharp mask from a rounded one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import VOID

DISTANCE = 0.02
"""The width of the counted band, as a share of the image diagonal, as in the paper."""


def counts(
    truth: NDArray[np.uint8], predicted: NDArray[np.uint8], label_sets: Sequence[Sequence[int]]
) -> NDArray[np.int64]:
    """Counts pixels near outlines in the truth, in the prediction, and in both: int64 (K, 3).

    Each of the K label sets counts as one class. `truth` and `predicted` are labels, uint8 (H, W).
    Pixels whose truth is VOID are ignored. Counts can be summed over images, for `scores.iou`.
    """
    height, width = truth.shape
    distance = max(1, round(DISTANCE * np.hypot(height, width)))
    known = truth != VOID
    found = np.zeros((len(label_sets), 3), np.int64)
    for row, labels in zip(found, label_sets, strict=True):
        members = np.isin(np.arange(VOID + 1), list(labels))
        near_truth = _near_outline(members[truth], distance)
        near_predicted = _near_outline(members[predicted] & known, distance)
        row[:] = [
            np.count_nonzero(near_truth),
            np.count_nonzero(near_predicted),
            np.count_nonzero(near_truth & near_predicted),
        ]
    return found


def _near_outline(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """Returns the mask's pixels, bool (H, W), at most `distance` from pixels outside it.

    A diagonal step has length 1. Pixels beyond the image are outside the mask.
    """
    if not mask.any():
        return mask
    inner = np.pad(mask, distance)
    for axis in (0, 1):
        inner = _all_of(inner, 2 * distance + 1, axis)
    return mask & ~inner


def _all_of(values: NDArray[np.bool_], width: int, axis: int) -> NDArray[np.bool_]:
    """Returns whether all of `width` neighbours along an axis are set. Shortens the axis.

    Joins windows of 1, 2, 4, ... values.
    """
    window, length = np.moveaxis(values, axis, 0), 1
    while length < width:
        step = min(length, width - length)
        window = window[:-step] & window[step:]
        length += step
    return np.moveaxis(window, 0, axis)
