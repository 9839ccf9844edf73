"""Confusion matrices in TensorFlow; petseg.metrics has them in NumPy."""

import tensorflow as tf


def confusion_matrices(labels: tf.Tensor, predictions: tf.Tensor, classes: int) -> tf.Tensor:
    """Returns one matrix per image in pixels: int64 (B, C, C), rows truth, columns prediction.

    Takes integers (B, H, W), 0 to C - 1; ignores larger labels such as VOID. Exact up to 16.7
    million pixels per image, float32's limit.
    """
    truth = tf.one_hot(tf.cast(labels, tf.int32), classes)
    predicted = tf.one_hot(tf.cast(predictions, tf.int32), classes)
    return tf.cast(tf.einsum("bhwt,bhwp->btp", truth, predicted), tf.int64)
