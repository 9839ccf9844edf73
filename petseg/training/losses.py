"""What training minimises: a loss of each image, so that any split of a batch sums to the same.

Inside, classes come before pixels: (3, B, P), P pixels an image. Along a last axis of three, a CPU
computes a softmax and its gradient several times more slowly.
"""

import tensorflow as tf

from petseg.core.classes import NUM_CLASSES
from petseg.core.params import Loss


def segmentation_loss(labels: tf.Tensor, logits: tf.Tensor, params: Loss) -> tf.Tensor:
    """The weighted sum of cross-entropy and soft Dice loss of each image: float32 (B,).

    `labels` are integer (B, H, W) of values 0 to 2, `logits` float32 (B, H, W, 3).
    """
    images = tf.shape(labels)[0]
    logits = tf.transpose(tf.reshape(logits, (images, -1, NUM_CLASSES)), (2, 0, 1))
    truth = tf.one_hot(tf.cast(tf.reshape(labels, (images, -1)), tf.int32), NUM_CLASSES, axis=0)

    logits -= tf.stop_gradient(tf.reduce_max(logits, axis=0))  # so that none overflows
    exponentials = tf.exp(logits)
    total = tf.reduce_sum(exponentials, axis=0)
    loss = tf.zeros(images)
    if params.cross_entropy:
        log_probabilities = logits - tf.math.log(total)
        loss += params.cross_entropy * weighted_cross_entropy(truth, log_probabilities, params)
    if params.dice:
        loss += params.dice * dice_loss(truth, exponentials / total)
    return loss


def weighted_cross_entropy(
    truth: tf.Tensor, log_probabilities: tf.Tensor, params: Loss
) -> tf.Tensor:
    """Mean cross-entropy of each image's pixels, in nats: float32 (B,).

    `truth` is one-hot float32 (3, B, P), the logarithms of the probabilities are as many. A pixel
    counts as much as its class's weight.
    """
    smoothing = params.label_smoothing
    target = truth * (1 - smoothing) + smoothing / NUM_CLASSES
    weights = tf.tensordot(params.class_weights, truth, axes=1)
    pixels = -tf.reduce_sum(target * log_probabilities, axis=0)
    return tf.reduce_mean(pixels * weights, axis=1)


def dice_loss(truth: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """One minus the soft Dice coefficient, averaged over the classes: float32 (B,) in [0, 1].

    `truth` is one-hot float32 (3, B, P), `probabilities` are as many, in [0, 1]. One is added above
    and below, so that a class that an image lacks and the network denies scores 1. Source:
    Milletari et al., arXiv:1606.04797.
    """
    overlap = tf.reduce_sum(truth * probabilities, axis=2)
    total = tf.reduce_sum(truth + probabilities, axis=2)
    return tf.reduce_mean(1 - (2 * overlap + 1) / (total + 1), axis=0)
