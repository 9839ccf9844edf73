"""Outputs and gradients of single operations, to compare ours with TensorFlow's."""

import numpy as np
import tensorflow as tf


def random(*shape) -> tf.Tensor:
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape), tf.float32)


def outputs_and_gradients(operation, *inputs):
    """What an operation makes of its inputs, and the gradients of each for random ones of that."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = operation(*inputs)
    upstream = tf.cast(random(*outputs.shape), outputs.dtype)
    return outputs, *tape.gradient(outputs, inputs, upstream)
