"""Losses equal values computed by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from petseg.core.training_params import Loss
from petseg.training.losses import Objective, dice_loss, segmentation_loss
from tests.helpers.sections import changed

PLAIN = Loss(cross_entropy=1.0, dice=0.0, class_weights={}, label_smoothing=0.0)
EVEN = (1.0, 1.0, 1.0)
CLOSE = 1e-5
"""Tolerance for a few dozen float32 roundings, each of 2^-24: logarithms, and sums of pixels."""

LABELS = np.array([[[0, 1]]])
LOGITS = np.log([[[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]]]).astype(np.float32)


def objective(weights=EVEN, has_void: bool = False, **changes) -> Objective:
    return Objective(changed(PLAIN, **changes), weights, has_void)


def loss(weights=EVEN, **changes) -> float:
    result = segmentation_loss(LABELS, LOGITS, objective(weights, **changes))
    assert result.shape == (1,)
    return float(result[0])


def test_cross_entropy_is_the_mean_of_minus_log_probability():
    assert loss() == pytest.approx(math.log(2), CLOSE)


def test_a_class_weight_scales_the_pixels_of_its_class():
    assert loss((3.0, 1.0, 1.0)) == pytest.approx((3 + 1) / 2 * math.log(2), CLOSE)


def test_label_smoothing_spreads_the_target():
    expected = -((0.7 + 0.1) * math.log(0.5) + 2 * 0.1 * math.log(0.25))
    assert loss(label_smoothing=0.3) == pytest.approx(expected, CLOSE)


def test_dice_equals_a_value_computed_by_hand():
    """Overlaps 0.5, 0.5, 0; sums 1.75, 1.75, 0.5; one is added to both."""
    terms = [1 - 2 / 2.75, 1 - 2 / 2.75, 1 - 1 / 1.5]
    assert loss(cross_entropy=0.0, dice=1.0) == pytest.approx(sum(terms) / 3, CLOSE)


def test_the_parts_add_up_by_their_weights():
    both = loss(cross_entropy=2.0, dice=3.0)
    assert both == pytest.approx(2 * loss() + 3 * loss(cross_entropy=0.0, dice=1.0), CLOSE)


def test_a_perfect_prediction_has_no_loss():
    labels = np.random.default_rng(0).integers(0, 3, size=(2, 4, 4))
    logits = 100 * tf.one_hot(labels, 3)
    perfect = segmentation_loss(labels, logits, objective(dice=1.0))
    np.testing.assert_allclose(perfect, 0, atol=1e-5)


def test_a_class_neither_present_nor_predicted_has_no_loss():
    truth = tf.one_hot([[0, 0, 1, 1]], 3, axis=0)
    assert float(dice_loss(truth, truth)[0]) == pytest.approx(0, abs=1e-6)


def test_the_gradient_equals_tensorflows_even_for_large_logits():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, size=(2, 4, 4))
    logits = tf.constant(rng.normal(scale=300, size=(2, 4, 4, 3)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = tf.reduce_sum(segmentation_loss(labels, logits, objective()))
        pixels = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        theirs = tf.reduce_sum(tf.reduce_mean(pixels, axis=(1, 2)))
    assert float(ours) == pytest.approx(float(theirs), CLOSE)
    np.testing.assert_allclose(
        tape.gradient(ours, logits), tape.gradient(theirs, logits), rtol=CLOSE, atol=1e-8
    )


def test_the_loss_of_an_image_does_not_depend_on_others():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, size=(3, 4, 4))
    logits = rng.normal(size=(3, 4, 4, 3)).astype(np.float32)
    settings = objective(dice=1.0, label_smoothing=0.1)
    together = segmentation_loss(labels, logits, settings)
    apart = [segmentation_loss(labels[i : i + 1], logits[i : i + 1], settings) for i in range(3)]
    np.testing.assert_allclose(together, tf.concat(apart, axis=0), rtol=CLOSE)
