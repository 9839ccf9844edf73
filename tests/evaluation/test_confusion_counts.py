"""Confusion matrices of a few pixels, counted by hand, and of random ones, by scikit-learn."""

import numpy as np
from sklearn.metrics import confusion_matrix

from petseg.evaluation.confusion import confusion_matrices


def test_four_pixels():
    matrix = confusion_matrices(np.array([[[0, 0], [1, 2]]]), np.array([[[0, 1], [1, 0]]]))
    assert matrix.numpy().tolist() == [[[1, 1, 0], [0, 1, 0], [1, 0, 0]]]


def test_random_pixels():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 3, size=(2, 5, 16, 12), dtype=np.uint8)
    for ours, truth, predicted in zip(
        confusion_matrices(labels, predictions).numpy(), labels, predictions, strict=True
    ):
        theirs = confusion_matrix(truth.ravel(), predicted.ravel(), labels=[0, 1, 2])
        np.testing.assert_array_equal(ours, theirs)
