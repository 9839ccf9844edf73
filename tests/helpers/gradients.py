"""Outputs and gradients of single operations, to compare ours with those of TensorFlow."""

import numpy as np
import tensorflow as tf


def whole_numbers(*shape: int, largest: int = 1) -> tf.Tensor:
    """Returns random whole numbers from -largest to largest, float32, without 0.

    Their products and sums are exact in any order, up to 2^8 in bfloat16 and 2^24 in float32. So
    equal operations give equal results on every CPU.
    """
    rng = np.random.default_rng(sum(shape))
    values = rng.integers(1, largest + 1, shape) * rng.choice([-1, 1], shape)
    return tf.constant(values, tf.float32)


def outputs_and_gradients(operation, *inputs) -> list[np.ndarray]:
    """Returns the outputs, and the gradient of each input for upstream gradients of 1 and -1."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = operation(*inputs)
    upstream = tf.cast(whole_numbers(*outputs.shape), outputs.dtype)
    results = outputs, *tape.gradient(outputs, inputs, upstream)
    return [tf.cast(result, tf.float32).numpy() for result in results]
