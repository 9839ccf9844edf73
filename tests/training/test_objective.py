"""A dataset's class weights and void pixels."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError
from petseg.core.param_types import BALANCED, unknown_classes
from petseg.core.training_params import Loss
from petseg.training.losses import Objective, objective, segmentation_loss

EVERYTHING = Loss(cross_entropy=2.0, dice=0.5, class_weights={}, label_smoothing=0.2)
WEIGHTS = (1.0, 0.5, 3.0, 0.0, 2.0)
CLOSE = 1e-5
"""Tolerance for a few dozen float32 roundings, each of 2^-24."""


def manifest(void: int = 0, void_in_validation: int = 0, **pixels: int) -> dict:
    train = {"class_pixels": pixels, "void_pixels": void}
    validation = {"class_pixels": {}, "void_pixels": void_in_validation}
    return {"splits": {"train": train, "validation": validation}}


def weights(class_weights, **pixels: int) -> tuple[float, ...]:
    params = EVERYTHING.model_copy(update={"class_weights": class_weights})
    return objective(params, manifest(**pixels)).class_weights


def test_a_class_without_a_weight_weighs_1():
    assert weights({"b": 3.0, "c": 0.0}, a=5, b=5, c=5) == (1.0, 3.0, 0.0)
    assert weights({}, a=5, b=0) == (1.0, 1.0)


def test_balanced_weights_are_inverse_class_frequencies():
    """12 pixels, 3 classes: 12 / (3 * 1), 12 / (3 * 3), 12 / (3 * 8)."""
    assert weights(BALANCED, a=1, b=3, c=8) == pytest.approx((4, 4 / 3, 1 / 2))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=8))
def test_balanced_weights_match_scikit_learn(pixels):
    labels = np.repeat(np.arange(len(pixels)), pixels)
    expected = compute_class_weight("balanced", classes=np.arange(len(pixels)), y=labels)
    names = {f"class {label}": count for label, count in enumerate(pixels)}
    assert weights(BALANCED, **names) == pytest.approx(tuple(expected))


def test_a_class_without_training_pixels_weighs_0():
    assert weights(BALANCED, a=4, b=0, c=4) == pytest.approx((2 / 3, 0, 2 / 3))


@pytest.mark.parametrize("class_weights", [{"a": 0.0, "b": 0.0}, BALANCED])
def test_weights_of_only_0_are_refused(class_weights):
    pixels = {"a": 0, "b": 0} if class_weights == BALANCED else {"a": 5, "b": 5}
    with pytest.raises(PetsegError, match=r"^loss\.class_weights: all classes weigh 0; nothing"):
        weights(class_weights, **pixels)


def test_unknown_class_names_are_listed():
    assert unknown_classes({"a": 1.0, "x": 2.0, "y": 0.0}, ("a", "b")) == ["x", "y"]
    assert unknown_classes({}, ("a", "b")) == unknown_classes(BALANCED, ("a", "b")) == []


@pytest.mark.parametrize(("void", "in_validation"), [(0, 0), (1, 0), (0, 1)])
def test_void_in_any_split_counts(void, in_validation):
    """The validation loss ignores void, too."""
    found = objective(EVERYTHING, manifest(void, in_validation, a=5, b=5))
    assert found.has_void == (void + in_validation > 0)


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels uint8 (3, 6, 8) of five classes, and logits."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(WEIGHTS), (3, 6, 8), np.uint8)
    return labels, rng.normal(size=(3, 6, 8, len(WEIGHTS))).astype(np.float32)


def losses_and_gradient(labels, logits, params: Loss = EVERYTHING, has_void: bool = True):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = segmentation_loss(labels, logits, Objective(params, WEIGHTS, has_void))
    return losses.numpy(), tape.gradient(losses, logits).numpy()


PARTS = {
    "cross-entropy": {"dice": 0.0, "label_smoothing": 0.0},
    "smoothed": {"dice": 0.0},
    "dice": {"cross_entropy": 0.0},
    "everything": {},
}
parts = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)


@parts
@pytest.mark.parametrize("there", [0.0, 5.0, -1e4, 1e4])
def test_logits_at_void_change_neither_loss_nor_gradient(part, there):
    params = EVERYTHING.model_copy(update=part)
    labels, logits = scene()
    labels[:, :2] = VOID
    others = logits.copy()
    others[:, :2, :, 1] = there
    (loss, gradient), (other, its) = (
        losses_and_gradient(labels, x, params) for x in (logits, others)
    )
    np.testing.assert_array_equal(loss, other)
    np.testing.assert_array_equal(gradient, its)
    assert not gradient[:, :2].any() and gradient[:, 2:].any()


@parts
def test_the_loss_with_void_is_that_of_the_other_pixels(part):
    params = EVERYTHING.model_copy(update=part)
    labels, logits = scene()
    labels[:, :2] = VOID
    loss, gradient = losses_and_gradient(labels, logits, params)
    rest = losses_and_gradient(labels[:, 2:], logits[:, 2:], params, has_void=False)
    np.testing.assert_allclose(loss, rest[0], rtol=CLOSE)
    np.testing.assert_allclose(gradient[:, 2:], rest[1], rtol=CLOSE, atol=1e-8)


def test_an_image_of_only_void_has_no_loss():
    labels, logits = scene()
    labels[1] = VOID
    loss, gradient = losses_and_gradient(labels, logits)
    assert loss[1] == 0 and not gradient[1].any()
    assert np.isfinite(loss).all() and np.isfinite(gradient).all()
    alone, _ = losses_and_gradient(labels[::2], logits[::2])
    np.testing.assert_allclose(loss[::2], alone, rtol=CLOSE)


def test_void_smoothing_and_weights_match_a_value_by_hand():
    """Two of three pixels count; smoothed by 0.4, targets are 0.8 and 0.2."""
    params = Loss(cross_entropy=1.0, dice=0.0, class_weights={}, label_smoothing=0.4)
    labels = np.array([[[0, VOID, 1]]], np.uint8)
    logits = np.log([[[[0.75, 0.25], [0.9, 0.1], [0.5, 0.5]]]]).astype(np.float32)
    found = segmentation_loss(labels, logits, Objective(params, (3.0, 1.0), True))
    first, last = -0.8 * math.log(0.75) - 0.2 * math.log(0.25), math.log(2)
    assert float(found[0]) == pytest.approx((3 * first + last) / 2, CLOSE)


def test_both_formulas_agree_without_void():
    labels, logits = scene()
    for one, other in zip(
        losses_and_gradient(labels, logits, has_void=True),
        losses_and_gradient(labels, logits, has_void=False),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=CLOSE, atol=1e-8)
