"""Constant predictions know the training masks alone, and are chosen on validation."""

import numpy as np

from petseg.evaluation import baselines


def test_constant_baselines():
    masks = np.array([[[0, 1], [2, 1]], [[0, 1], [2, 0]], [[1, 1], [2, 0]]], np.uint8)
    predictions = baselines.constant_baselines(iter(masks))
    assert predictions["background"].tolist() == [[1, 1], [1, 1]]
    assert predictions["most_frequent"].tolist() == [[0, 1], [2, 0]]


def test_the_better_baseline_is_chosen_on_validation():
    training = np.zeros((2, 2, 2), np.uint8)
    mostly_background = np.array([[[1, 1], [1, 0]]], np.uint8)
    assert baselines.best_baseline(training, training)[0] == "most_frequent"
    name, _ = baselines.best_baseline(iter(training), iter(mostly_background))
    assert name == "background"
