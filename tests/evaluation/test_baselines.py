"""Baselines use training masks, and are chosen on the validation split."""

import numpy as np

from petseg.core.dataset_spec import MAX_CLASSES, VOID
from petseg.evaluation import baselines


def test_constant_baselines_are_the_most_frequent_classes():
    masks = np.array([[[0, 1], [2, 1]], [[0, 1], [2, 0]], [[1, 1], [2, 0]]], np.uint8)
    predictions = baselines.constant_baselines(iter(masks), 3)
    assert predictions["most_frequent"].tolist() == [[1, 1], [1, 1]]
    assert predictions["most_frequent_per_pixel"].tolist() == [[0, 1], [2, 0]]


def test_best_baseline_is_chosen_on_validation():
    training = np.zeros((2, 2, 2), np.uint8)
    training[0, 0, 0] = 1
    training[1, 0, 0] = 1
    assert baselines.best_baseline(training, training, 2)[0] == "most_frequent_per_pixel"
    name, mask = baselines.best_baseline(iter(training), iter(np.zeros_like(training)), 2)
    assert name == "most_frequent" and not mask.any()


def test_frequent_void_is_not_counted_as_a_class():
    masks = np.full((3, 4, 6), VOID, np.uint8)
    masks[:, 0] = MAX_CLASSES - 1
    masks[0, 1] = 7
    predictions = baselines.constant_baselines(iter(masks), MAX_CLASSES)
    assert (predictions["most_frequent"] == MAX_CLASSES - 1).all()
    per_pixel = predictions["most_frequent_per_pixel"]
    assert per_pixel[:2, 0].tolist() == [MAX_CLASSES - 1, 7] and per_pixel.max() < MAX_CLASSES
    name, _ = baselines.best_baseline(iter(masks), iter(masks), MAX_CLASSES)
    assert name == "most_frequent_per_pixel", "its second row is right, and void does not count"
