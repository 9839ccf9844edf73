"""What training minimises, an image at a time so that any split of a batch adds up to the same."""

import tensorflow as tf

from petseg.classes import NUM_CLASSES
from petseg.params import Loss


def segmentation_loss(labels: tf.Tensor, logits: tf.Tensor, settings: Loss) -> tf.Tensor:
    """The weighted sum of cross-entropy and soft Dice loss of each image: float32 (B,).

    `labels` are integer (B, H, W) of values 0 to 2, `logits` float32 (B, H, W, 3).
    """
    truth = tf.one_hot(tf.cast(labels, tf.int32), NUM_CLASSES)
    loss = tf.zeros(tf.shape(labels)[0])
    if settings.cross_entropy:
        loss += settings.cross_entropy * weighted_cross_entropy(truth, logits, settings)
    if settings.dice:
        loss += settings.dice * dice_loss(truth, logits)
    return loss


def weighted_cross_entropy(truth: tf.Tensor, logits: tf.Tensor, settings: Loss) -> tf.Tensor:
    """Mean cross-entropy of each image's pixels, in nats: float32 (B,).

    `truth` is one-hot float32 (B, H, W, 3). A pixel counts as much as its class's weight.
    """
    smoothing = settings.label_smoothing
    target = truth * (1 - smoothing) + smoothing / NUM_CLASSES
    pixels = tf.nn.softmax_cross_entropy_with_logits(target, logits)
    weights = tf.reduce_sum(truth * tf.constant(settings.class_weights), axis=-1)
    return tf.reduce_mean(pixels * weights, axis=(1, 2))


def dice_loss(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """One minus the soft Dice coefficient, averaged over the classes: float32 (B,) in [0, 1].

    `truth` is one-hot float32 (B, H, W, 3). One is added above and below, so that a class that an
    image lacks and the network denies scores 1. Source: Milletari et al., arXiv:1606.04797.
    """
    probabilities = tf.nn.softmax(logits)
    overlap = tf.reduce_sum(truth * probabilities, axis=(1, 2))
    total = tf.reduce_sum(truth + probabilities, axis=(1, 2))
    return tf.reduce_mean(1 - (2 * overlap + 1) / (total + 1), axis=-1)
