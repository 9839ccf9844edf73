"""Scores against hand-computed values, and against scikit-learn on random masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from petseg.core.dataset_spec import MAX_CLASSES, VOID
from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices
from tests.helpers.marks import without_warnings
from tests.helpers.specs import CELLS, PETS, STREET

# Rows are the truth (pet, background, border), columns the prediction.
MATRIX = np.array([[4, 1, 0], [2, 6, 0], [1, 1, 0]])
COUNTED = scores.counts(MATRIX)
PET = scores.counts(MATRIX, PETS.label_sets)[3]


def test_counts_of_classes_and_region():
    assert COUNTED.tolist() == [[5, 7, 4], [8, 8, 6], [2, 0, 0]]
    assert PET.tolist() == [7, 7, 5]
    np.testing.assert_array_equal(scores.counts(MATRIX, PETS.label_sets)[:3], COUNTED)


def test_scores_equal_hand_computed_values():
    np.testing.assert_allclose(scores.iou(COUNTED), [4 / 8, 6 / 10, 0])
    np.testing.assert_allclose(scores.dice(COUNTED), [8 / 12, 12 / 16, 0])
    assert scores.pixel_accuracy(COUNTED) == pytest.approx(10 / 15)
    assert scores.mean_iou(COUNTED) == pytest.approx((0.5 + 0.6) / 3)
    assert scores.iou(PET) == pytest.approx(5 / 9)


@without_warnings
def test_class_absent_from_truth_is_undefined_and_not_averaged():
    """Predicting it counts as an error of the true classes only."""
    for predicted, background in ((0, 4 / 5), (2, 4 / 7)):
        counts = scores.counts(np.array([[3, 1, 0], [0, 4, predicted], [0, 0, 0]]))
        np.testing.assert_allclose(scores.iou(counts), [3 / 4, background, np.nan])
        assert np.isnan(scores.dice(counts)).tolist() == [False, False, True]
        assert scores.mean_iou(counts) == pytest.approx((3 / 4 + background) / 2)
        assert scores.pixel_accuracy(counts) == pytest.approx(7 / (8 + predicted))


@without_warnings
def test_all_scores_of_empty_matrix_are_undefined():
    """The matrix of an image with only void pixels."""
    counts = scores.counts(np.zeros((3, 3), int))
    assert np.isnan([*scores.iou(counts), *scores.dice(counts)]).all()
    assert np.isnan([scores.mean_iou(counts), scores.pixel_accuracy(counts)]).all()


def test_mean_defined_ignores_nan():
    values = np.array([[1, np.nan, 0.5], [np.nan, np.nan, np.nan], [1, 2, 3]])
    np.testing.assert_array_equal(scores.mean_defined(values), [0.75, np.nan, 2])


def summary(*matrices: list, spec=PETS) -> dict:
    return scores.summary(scores.counts(np.array(matrices), spec.label_sets), spec)


def test_region_iou_of_dataset_and_per_image():
    content = summary(np.diag([9, 0, 0]), [[1, 1, 0], [0, 2, 0], [0, 0, 0]])
    assert content["regions"].keys() == {"pet"}
    assert content["regions"]["pet"]["iou_per_image"] == pytest.approx((1 + 1 / 2) / 2)
    assert content["regions"]["pet"]["iou_dataset"] == pytest.approx(10 / 11)
    assert content["images"] == 2


@without_warnings
def test_region_mean_skips_images_without_the_region():
    """The second image has no pixel of the region, but one predicted pixel."""
    with_it, without = [[1, 1, 0], [0, 2, 0], [0, 0, 0]], [[0, 0, 0], [1, 3, 0], [0, 0, 0]]
    region = summary(with_it, without)["regions"]["pet"]
    assert region == {"iou_dataset": pytest.approx(1 / 3), "iou_per_image": pytest.approx(1 / 2)}
    nowhere = summary(without, without)["regions"]["pet"]
    assert np.isnan(list(nowhere.values())).all()


def test_summary_has_names_of_the_spec():
    matrices = np.random.default_rng(0).integers(0, 50, (4, 20, 20))
    content = summary(*matrices, spec=STREET)
    assert tuple(content["iou"]) == tuple(content["dice"]) == STREET.class_names
    assert tuple(content["regions"]) == ("even", "one")
    even = matrices.sum(axis=0)[::2]
    hits = even[:, ::2].sum()
    union = even.sum() + matrices.sum(axis=0)[:, ::2].sum() - hits
    assert content["regions"]["even"]["iou_dataset"] == pytest.approx(hits / union)
    assert content["regions"]["one"]["iou_dataset"] == pytest.approx(content["iou"]["class 1"])
    assert summary([[3, 1], [0, 4]], spec=CELLS)["regions"] == {}


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_region_counts_equal_merged_classes(data):
    """Merging adds up the rows and columns of the region."""
    classes = data.draw(st.integers(2, 6))
    labels = data.draw(st.sets(st.integers(0, classes - 1), min_size=1))
    matrices = data.draw(arrays(np.int64, (2, classes, classes), elements=st.integers(0, 9)))
    found = scores.counts(matrices, [sorted(labels)])
    merging = np.eye(2, dtype=int)[[int(label in labels) for label in range(classes)]]
    merged = scores.counts(merging.T @ matrices @ merging)[:, 1:]
    np.testing.assert_array_equal(found, merged)


def test_mean_iou_of_150_classes_equals_scikit_learn():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, MAX_CLASSES, (2, 1, 200, 200), np.uint8)
    counts = scores.counts(confusion_matrices(truth, predicted, MAX_CLASSES)[0])
    theirs = jaccard_score(truth.ravel(), predicted.ravel(), average="macro")
    assert scores.mean_iou(counts) == pytest.approx(theirs)


@settings(deadline=None)
@given(st.data())
def test_scores_of_any_masks_equal_scikit_learn(data):
    """From pixels to scores, with void, and with classes missing from either mask."""
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=12))
    labels = st.lists(st.integers(0, 2), min_size=1, max_size=3).flatmap(st.sampled_from)
    truth, predicted = (data.draw(arrays(np.uint8, shape, elements=labels)) for _ in range(2))
    void = data.draw(arrays(bool, shape))
    masked = np.where(void, np.uint8(VOID), truth)
    matrix = confusion_matrices(masked[None], predicted[None], 3)[0]
    truth, predicted = truth[~void], predicted[~void]
    if not truth.size:
        assert not matrix.any()
        return
    np.testing.assert_array_equal(matrix, confusion_matrix(truth, predicted, labels=[0, 1, 2]))
    counts, occurring = scores.counts(matrix), sorted(set(truth.tolist()))
    options = {"labels": occurring, "average": None}
    jaccard = jaccard_score(truth, predicted, **options)
    np.testing.assert_allclose(scores.iou(counts)[occurring], jaccard)
    f1 = f1_score(truth, predicted, **options)
    np.testing.assert_allclose(scores.dice(counts)[occurring], f1)
    absent = sorted({0, 1, 2} - set(occurring))
    assert np.isnan(scores.iou(counts)[absent]).all()
    assert scores.mean_iou(counts) == pytest.approx(jaccard.mean())
    assert scores.pixel_accuracy(counts) == pytest.approx(accuracy_score(truth, predicted))
    pet, said_pet = truth != 1, predicted != 1
    if pet.any():
        region = scores.counts(matrix, PETS.label_sets)[3]
        assert scores.iou(region) == pytest.approx(jaccard_score(pet, said_pet))
