"""Losses per image, so that sums do not depend on how replicas divide a batch.

Tensors are (C, B, P), P pixels per image: on a CPU, a softmax and its gradient are several
times slower along a short last axis.
"""

from typing import NamedTuple

import tensorflow as tf

from petseg.core.errors import PetsegError
from petseg.core.training_params import Loss


class Objective(NamedTuple):
    """A dataset's loss, with class weights."""

    params: Loss
    class_weights: tuple[float, ...]
    has_void: bool


def objective(params: Loss, manifest: dict) -> Objective:
    """Returns the loss for a manifest; raises PetsegError if all classes weigh 0.

    `balanced` weighs a class by training pixels / (classes * pixels of the class), as in
    scikit-learn's compute_class_weight, or by 0 without pixels.
    """
    split = manifest["splits"]["train"]
    pixels, named = split["class_pixels"], params.class_weights
    total = sum(pixels.values())
    if isinstance(named, str):  # balanced
        weights = [total / (len(pixels) * count) if count else 0.0 for count in pixels.values()]
    else:
        weights = [named.get(name, 1.0) for name in pixels]
    if not any(weights):
        raise PetsegError("loss.class_weights: all classes weigh 0; nothing would be learnt")
    has_void = any(entry["void_pixels"] for entry in manifest["splits"].values())
    return Objective(params, tuple(weights), has_void)


def segmentation_loss(labels: tf.Tensor, logits: tf.Tensor, objective: Objective) -> tf.Tensor:
    """Returns each image's weighted sum of cross-entropy and soft Dice loss: float32 (B,).

    `labels` are integer (B, H, W), 0 to C - 1 or VOID; `logits` are float32 (B, H, W, C). Ignores
    VOID; without other labels, the loss is 0.
    """
    params, classes, images = objective.params, len(objective.class_weights), tf.shape(labels)[0]
    logits = tf.transpose(tf.reshape(logits, (images, -1, classes)), (2, 0, 1))
    # VOID's one-hot vector is zeros, which removes it from all products.
    truth = tf.one_hot(tf.cast(tf.reshape(labels, (images, -1)), tf.int32), classes, axis=0)
    counted = tf.reduce_sum(truth, axis=0) if objective.has_void else None

    logits -= tf.stop_gradient(tf.reduce_max(logits, axis=0))  # avoids overflow
    exponentials = tf.exp(logits)
    total = tf.reduce_sum(exponentials, axis=0)
    loss = tf.zeros(images)
    if params.cross_entropy:
        log_probabilities = logits - tf.math.log(total)
        of_pixels = weighted_cross_entropy(truth, log_probabilities, objective)
        loss += params.cross_entropy * _mean(of_pixels, counted)
    if params.dice:
        probabilities = exponentials / total
        if counted is not None:
            probabilities *= counted
        loss += params.dice * dice_loss(truth, probabilities)
    return loss


def weighted_cross_entropy(
    truth: tf.Tensor, log_probabilities: tf.Tensor, objective: Objective
) -> tf.Tensor:
    """Returns each pixel's cross-entropy, in nats, times its class weight: float32 (B, P).

    Takes float32 (C, B, P); `truth` is one-hot.
    """
    smoothing = objective.params.label_smoothing
    target = truth * (1 - smoothing) + smoothing / len(objective.class_weights)
    weights = tf.tensordot(objective.class_weights, truth, axes=1)
    return -tf.reduce_sum(target * log_probabilities, axis=0) * weights


def dice_loss(truth: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Returns one minus the soft Dice coefficient, averaged over classes: float32 (B,) in [0, 1].

    Takes float32 (C, B, P). Adds one to numerator and denominator: a class neither present nor
    predicted has coefficient 1. Source: Milletari et al., arXiv:1606.04797.
    """
    overlap = tf.reduce_sum(truth * probabilities, axis=2)
    total = tf.reduce_sum(truth + probabilities, axis=2)
    return tf.reduce_mean(1 - (2 * overlap + 1) / (total + 1), axis=0)


def _mean(of_pixels: tf.Tensor, counted: tf.Tensor | None) -> tf.Tensor:
    """Averages over the counted pixels: (B, P) -> (B,)."""
    if counted is None:
        return tf.reduce_mean(of_pixels, axis=1)
    return tf.reduce_sum(of_pixels, axis=1) / tf.maximum(tf.reduce_sum(counted, axis=1), 1)
