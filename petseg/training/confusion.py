"""Confusion matrices by TensorFlow, for the training step; petseg.metrics has them in numpy."""

import tensorflow as tf


def confusion_matrices(labels: tf.Tensor, predictions: tf.Tensor, classes: int) -> tf.Tensor:
    """One matrix an image: int64 (B, C, C), rows the truth, columns the prediction, in pixels.

    `labels` and `predictions` are integer (B, H, W) of values 0 to C - 1, C = `classes`. Labels
    beyond, as VOID, are not counted. Exact up to 16.7 million pixels an image, the whole numbers
    of float32.
    """
    truth = tf.one_hot(tf.cast(labels, tf.int32), classes)
    predicted = tf.one_hot(tf.cast(predictions, tf.int32), classes)
    return tf.cast(tf.einsum("bhwt,bhwp->btp", truth, predicted), tf.int64)
