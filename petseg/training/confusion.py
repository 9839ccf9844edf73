"""Confusion matrices in TensorFlow, for the training step; petseg.metrics has them in NumPy."""

import tensorflow as tf


def confusion_matrices(labels: tf.Tensor, predictions: tf.Tensor, classes: int) -> tf.Tensor:
    """Returns one matrix per image in pixels: int64 (B, C, C), rows truth, columns prediction.

    `labels` and `predictions` are integer (B, H, W), 0 to C - 1, C = `classes`. Ignores larger
    labels such as VOID. Exact up to 16.7 million pixels per image, the limit of integers in
    float32.
    """
    truth = tf.one_hot(tf.cast(labels, tf.int32), classes)
    predicted = tf.one_hot(tf.cast(predictions, tf.int32), classes)
    return tf.cast(tf.einsum("bhwt,bhwp->btp", truth, predicted), tf.int64)
