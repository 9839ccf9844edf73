"""How well outlines are found: Boundary IoU, which counts nothing but pixels near them.

Cheng, Girshick, Dollár, Berg and Kirillov, "Boundary IoU: Improving Object-Centric Image
Segmentation Evaluation", CVPR 2021. Of a large object, most pixels lie far from its outline, and
IoU hardly tells a sharp mask from a round one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import VOID

DISTANCE = 0.02
"""How far from the outline pixels count, as a share of the image's diagonal: that of the paper."""


def counts(
    truth: NDArray[np.uint8], predicted: NDArray[np.uint8], label_sets: Sequence[Sequence[int]]
) -> NDArray[np.int64]:
    """Pixels near the outline in the truth, in the prediction, and in both: int64 (K, 3).

    Of K sets of labels, each taken as one class. `truth` and `predicted` are labels uint8 (H, W);
    where the truth is VOID nothing is counted. Counts of images add up, and `scores.iou` takes
    them.
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
    """The pixels of a mask, bool (H, W), that are at most `distance` from what is not in it.

    Diagonal steps count as straight ones do, and beyond the image there is no mask.
    """
    if not mask.any():
        return mask
    inner = np.pad(mask, distance)
    for axis in (0, 1):
        inner = _all_of(inner, 2 * distance + 1, axis)
    return mask & ~inner


def _all_of(values: NDArray[np.bool_], width: int, axis: int) -> NDArray[np.bool_]:
    """Whether all of `width` neighbours along an axis are set; the axis gets shorter.

    Windows of one, of two, of four and so on are joined.
    """
    window, length = np.moveaxis(values, axis, 0), 1
    while length < width:
        step = min(length, width - length)
        window = window[:-step] & window[step:]
        length += step
    return np.moveaxis(window, 0, axis)
