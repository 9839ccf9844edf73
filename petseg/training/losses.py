"""What training minimises: a loss of each image, so that any split of a batch sums to the same.

Inside, classes come before pixels: (C, B, P), P pixels an image. Along a short last axis, a CPU
computes a softmax and its gradient several times more slowly.
"""

from typing import NamedTuple

import tensorflow as tf

from petseg.core.errors import PetsegError
from petseg.core.training_params import Loss


class Objective(NamedTuple):
    """The loss for a dataset: a weight for each class, and whether there are void pixels."""

    params: Loss
    class_weights: tuple[float, ...]
    has_void: bool


def objective(params: Loss, manifest: dict) -> Objective:
    """The loss for records, whose manifest tells the pixels of the training split by class.

    `balanced` weighs a class by all pixels / (classes * pixels of the class), so that each has the
    same say; the formula is that of scikit-learn's compute_class_weight. A class that training
    never sees weighs 0. PetsegError where no class weighs anything.
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
    """The weighted sum of cross-entropy and soft Dice loss of each image: float32 (B,).

    `labels` are integer (B, H, W) of values 0 to C - 1, or VOID, whose pixels are not counted;
    `logits` float32 (B, H, W, C). 0 for an image that is void throughout.
    """
    params, classes, images = objective.params, len(objective.class_weights), tf.shape(labels)[0]
    logits = tf.transpose(tf.reshape(logits, (images, -1, classes)), (2, 0, 1))
    # VOID is no class: its row of zeros takes such pixels out of all that is multiplied by it.
    truth = tf.one_hot(tf.cast(tf.reshape(labels, (images, -1)), tf.int32), classes, axis=0)
    counted = tf.reduce_sum(truth, axis=0) if objective.has_void else None

    logits -= tf.stop_gradient(tf.reduce_max(logits, axis=0))  # so that none overflows
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
    """Cross-entropy of each pixel, in nats, times the weight of its class: float32 (B, P).

    `truth` is one-hot float32 (C, B, P), the logarithms of the probabilities are as many.
    """
    smoothing = objective.params.label_smoothing
    target = truth * (1 - smoothing) + smoothing / len(objective.class_weights)
    weights = tf.tensordot(objective.class_weights, truth, axes=1)
    return -tf.reduce_sum(target * log_probabilities, axis=0) * weights


def dice_loss(truth: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """One minus the soft Dice coefficient, averaged over the classes: float32 (B,) in [0, 1].

    `truth` is one-hot float32 (C, B, P), `probabilities` are as many, in [0, 1]. One is added above
    and below, so that a class that an image lacks and the network denies scores 1. Source:
    Milletari et al., arXiv:1606.04797.
    """
    overlap = tf.reduce_sum(truth * probabilities, axis=2)
    total = tf.reduce_sum(truth + probabilities, axis=2)
    return tf.reduce_mean(1 - (2 * overlap + 1) / (total + 1), axis=0)


def _mean(of_pixels: tf.Tensor, counted: tf.Tensor | None) -> tf.Tensor:
    """The mean over the pixels that count: (B, P) -> (B,)."""
    if counted is None:
        return tf.reduce_mean(of_pixels, axis=1)
    return tf.reduce_sum(of_pixels, axis=1) / tf.maximum(tf.reduce_sum(counted, axis=1), 1)
