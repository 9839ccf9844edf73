"""Boundary IoU against SciPy's erosion, which the paper's code uses."""

import numpy as np
import pytest
from scipy import ndimage

from petseg.core.dataset_spec import VOID
from petseg.metrics import boundary, scores

SETS = ((0,), (1,), (2,), (0, 2))


def theirs(mask: np.ndarray, distance: int) -> np.ndarray:
    """Erodes step by step. Pixels beyond the image are outside the mask."""
    inner = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=distance, border_value=0)
    return mask & ~inner


def blobs(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    small = random.integers(0, 3, (-(-height // 9), -(-width // 9)), dtype=np.uint8)
    return np.repeat(np.repeat(small, 9, axis=0), 9, axis=1)[:height, :width]


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (40, 60), (128, 128), (200, 301)])
def test_counts_equal_scipy_erosion(size):
    random = np.random.default_rng(0)
    truth, predicted = blobs(random, *size), blobs(random, *size)
    truth[random.random(size) < 0.02] = VOID
    distance = max(1, round(0.02 * np.hypot(*size)))
    found = boundary.counts(truth, predicted, SETS)
    for row, labels in zip(found, SETS, strict=True):
        a = theirs(np.isin(truth, labels), distance)
        b = theirs(np.isin(predicted, labels) & (truth != VOID), distance)
        assert row.tolist() == [a.sum(), b.sum(), (a & b).sum()]


def test_shifted_disc_has_lower_boundary_iou_than_iou():
    y, x = np.mgrid[:200, :200]
    disc, shifted = ((y - 100) ** 2 + (x - c) ** 2 < 80**2 for c in (100, 104))
    near = scores.iou(boundary.counts(disc.astype(np.uint8), shifted.astype(np.uint8), [(1,)]))
    assert 0.2 < near.item() < 0.6 < 0.9 < (disc & shifted).sum() / (disc | shifted).sum()


def test_identical_masks_score_1_and_absent_class_is_undefined():
    mask = blobs(np.random.default_rng(1), 50, 50) % 2
    one, other, absent = scores.iou(boundary.counts(mask, mask, [(0,), (1,), (2,)]))
    assert one == other == 1 and np.isnan(absent)


def test_void_is_ignored():
    truth = np.full((20, 20), VOID, np.uint8)
    predicted = np.zeros((20, 20), np.uint8)
    assert not boundary.counts(truth, predicted, SETS).any()
