"""Scores worked out by hand on a few pixels, and against scikit-learn on random masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from petseg.evaluation import scores

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


@given(st.integers(0, 2**32 - 1))
def test_against_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 3, size=(2, 200))
    matrix = np.zeros((3, 3), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    options = {"labels": [0, 1, 2], "average": None}
    np.testing.assert_allclose(scores.iou(matrix), jaccard_score(truth, predicted, **options))
    np.testing.assert_allclose(scores.dice(matrix), f1_score(truth, predicted, **options))
    assert scores.pixel_accuracy(matrix) == pytest.approx(accuracy_score(truth, predicted))
