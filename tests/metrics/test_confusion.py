"""Confusion matrices in numpy and TensorFlow, against a slow loop and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from petseg.core.dataset_spec import MAX_CLASSES, VOID
from petseg.metrics import confusion
from petseg.training import confusion as on_device


def counted(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Returns a matrix for each image, counted pixel by pixel."""
    matrices = np.zeros((len(truth), 3, 3), int)
    for image, row, column in np.ndindex(truth.shape):
        place = truth[image, row, column], predicted[image, row, column]
        matrices[image][place] += 1
    return matrices


def of_numpy(truth: np.ndarray, predicted: np.ndarray, classes: int = 3) -> np.ndarray:
    return confusion.confusion_matrices(truth, predicted, classes)


def of_tensorflow(truth: np.ndarray, predicted: np.ndarray, classes: int = 3) -> np.ndarray:
    return on_device.confusion_matrices(truth, predicted, classes).numpy()


BOTH = pytest.mark.parametrize("matrices", [of_numpy, of_tensorflow])


@BOTH
def test_matrix_of_four_pixels(matrices):
    found = matrices(np.array([[[0, 0], [1, 2]]]), np.array([[[0, 1], [1, 0]]]))
    assert found.tolist() == [[[1, 1, 0], [0, 1, 0], [1, 0, 0]]]


@BOTH
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_matrix_of_random_pixels_equals_scikit_learn(matrices, dtype):
    """With the dtypes of stored masks and of numpy's argmax."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, size=(5, 16, 12), dtype=np.uint8)
    predicted = rng.integers(0, 3, size=truth.shape, dtype=dtype)
    found = matrices(truth, predicted)
    np.testing.assert_array_equal(found, counted(truth, predicted))
    for ours, *pair in zip(found, truth, predicted, strict=True):
        theirs = confusion_matrix(*(part.ravel() for part in pair), labels=[0, 1, 2])
        np.testing.assert_array_equal(ours, theirs)


@BOTH
@pytest.mark.parametrize("label", range(3))
def test_class_that_fills_the_image(matrices, label):
    """Its count, 65,536, does not fit in 16 bits. All other cells are 0."""
    mask = np.full((1, 256, 256), label, np.uint8)
    expected = np.zeros((1, 3, 3), int)
    expected[0, label, label] = 256 * 256
    np.testing.assert_array_equal(matrices(mask, mask), expected)


@BOTH
def test_each_image_has_its_own_matrix(matrices):
    truth = np.array([[[0, 4]], [[4, 4]], [[2, 2]]], np.uint8)
    predicted = np.array([[[4, 4]], [[4, 0]], [[1, 2]]], np.uint8)
    found = matrices(truth, predicted, 5)
    assert found.shape == (3, 5, 5) and found.dtype == np.int64
    cells = {tuple(map(int, cell)): int(found[tuple(cell)]) for cell in np.argwhere(found)}
    assert cells == {
        (0, 0, 4): 1, (0, 4, 4): 1, (1, 4, 4): 1, (1, 4, 0): 1, (2, 2, 1): 1, (2, 2, 2): 1
    }  # fmt: skip


@BOTH
@pytest.mark.parametrize("classes", [2, 3, 20, MAX_CLASSES])
def test_void_is_ignored_for_any_prediction(matrices, classes):
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, (3, 24, 40), np.uint8)
    predicted = rng.integers(0, classes, truth.shape, np.uint8)
    truth[rng.random(truth.shape) < 0.3] = VOID
    truth[2] = VOID
    found = matrices(truth, predicted, classes)
    for ours, *pair in zip(found[:2], truth, predicted, strict=False):
        counted = pair[0] != VOID
        theirs = confusion_matrix(*(part[counted] for part in pair), labels=np.arange(classes))
        np.testing.assert_array_equal(ours, theirs)
    assert not found[2].any(), "an image with only void pixels"
    changed = np.where(truth == VOID, classes - 1 - predicted, predicted)
    np.testing.assert_array_equal(matrices(truth, changed, classes), found)
