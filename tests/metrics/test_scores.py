"""Scores worked out by hand on a few pixels, and against scikit-learn on random masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices

# Rows are the truth (pet, background, border), columns the prediction.
MATRIX = np.array([[4, 1, 0], [2, 6, 0], [1, 1, 0]])


def test_by_hand():
    np.testing.assert_allclose(scores.iou(MATRIX), [4 / 8, 6 / 10, 0])
    np.testing.assert_allclose(scores.dice(MATRIX), [8 / 12, 12 / 16, 0])
    assert scores.pixel_accuracy(MATRIX) == pytest.approx(10 / 15)
    assert scores.mean_iou(MATRIX) == pytest.approx((0.5 + 0.6) / 3)


def test_pet_and_border_together_against_background():
    assert scores.pet_against_background(MATRIX).tolist() == [[5, 2], [2, 6]]
    assert scores.pet_iou(MATRIX) == pytest.approx(5 / 9)


def test_an_absent_class_does_not_count():
    matrix = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(scores.iou(matrix), [3 / 4, 4 / 5, np.nan])
    assert scores.mean_iou(matrix) == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_both_ways_of_averaging():
    perfect = np.diag([9, 0, 0])
    half = np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])
    content = scores.summary(np.stack([perfect, half]))
    assert content["pet_iou_per_image"] == pytest.approx((1 + 1 / 2) / 2)
    assert content["pet_iou_dataset"] == pytest.approx(10 / 11)
    assert content["images"] == 2


@settings(deadline=None)
@given(st.data())
def test_against_scikit_learn_on_any_masks(data):
    """From the pixels on, any of the classes missing from either mask."""
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=12))
    labels = st.lists(st.integers(0, 2), min_size=1, max_size=3).flatmap(st.sampled_from)
    truth, predicted = (data.draw(arrays(np.uint8, shape, elements=labels)) for _ in range(2))
    matrix = confusion_matrices(truth[None], predicted[None], 3)[0]
    truth, predicted = truth.ravel(), predicted.ravel()
    np.testing.assert_array_equal(matrix, confusion_matrix(truth, predicted, labels=[0, 1, 2]))
    occurring = sorted({*truth.tolist(), *predicted.tolist()})
    options = {"labels": occurring, "average": None}
    jaccard = jaccard_score(truth, predicted, **options)
    np.testing.assert_allclose(scores.iou(matrix)[occurring], jaccard)
    np.testing.assert_allclose(
        scores.dice(matrix)[occurring], f1_score(truth, predicted, **options)
    )
    absent = sorted({0, 1, 2} - set(occurring))
    assert np.isnan(scores.iou(matrix)[absent]).all()
    assert scores.mean_iou(matrix) == pytest.approx(jaccard.mean())
    assert scores.pixel_accuracy(matrix) == pytest.approx(accuracy_score(truth, predicted))
    pet, said_pet = truth != 1, predicted != 1
    if pet.any() or said_pet.any():
        assert scores.pet_iou(matrix) == pytest.approx(jaccard_score(pet, said_pet))
