"""Scores against masks at their original size."""

import numpy as np
from PIL import Image

from petseg.evaluation import full_size, original_size
from tests.helpers.images import as_stored, encoded, exif
from tests.helpers.specs import CELLS, PETS


def test_confusion_matrix_in_bands_equals_that_of_the_whole_image(monkeypatch):
    rng = np.random.default_rng(2)
    logits, truth = rng.normal(size=(8, 12, 3)), rng.integers(0, 3, (50, 31), np.uint8)
    mask = encoded(truth + 1)
    whole = original_size.confusion_matrix(logits, mask, PETS)
    monkeypatch.setattr(full_size, "BAND_VALUES", 300)
    np.testing.assert_array_equal(original_size.confusion_matrix(logits, mask, PETS), whole)
    assert whole.sum() == truth.size


def test_void_is_not_counted():
    """Mask values are 0, 255, and 128 for void."""
    rng = np.random.default_rng(4)
    logits, values = rng.normal(size=(8, 12, 2)), rng.choice([0, 255, 128], (20, 31))
    matrix = original_size.confusion_matrix(logits, encoded(values.astype(np.uint8)), CELLS)
    predicted = full_size.labels(logits, *values.shape)
    expected = [[np.sum((values == v) & (predicted == p)) for p in (0, 1)] for v in (0, 255)]
    assert matrix.tolist() == expected
    nothing = original_size.confusion_matrix(logits, encoded(np.full((5, 5), 128, np.uint8)), CELLS)
    assert not nothing.any()


def test_rotated_mask_is_scored_upright():
    """As in the records, by EXIF."""
    rng = np.random.default_rng(3)
    logits, truth = rng.normal(size=(8, 8, 3)), rng.integers(0, 3, (9, 14), np.uint8)
    upright = Image.fromarray(truth + 1)
    masks = encoded(as_stored(upright, 6), exif=exif(6)), encoded(upright)
    found, expected = (original_size.confusion_matrix(logits, mask, PETS) for mask in masks)
    np.testing.assert_array_equal(found, expected)
