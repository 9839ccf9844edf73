"""TensorFlow's ReLU6, with a gradient that takes a CPU less time than its own in bfloat16."""

import tensorflow as tf


@tf.custom_gradient
def relu6(inputs):
    """tf.nn.relu6 of tensors of any shape.

    TensorFlow's gradient multiplies by a mask that it converts to numbers first. In bfloat16, in
    which its own code for CPUs calculates slowly, XLA's choice between two numbers takes half the
    time.
    """
    outputs = tf.nn.relu6(inputs)
    return outputs, lambda upstream: _where_linear(outputs, upstream)


@tf.function(jit_compile=True)
def _where_linear(outputs, upstream):
    return tf.where((outputs > 0) & (outputs < 6), upstream, tf.zeros_like(upstream))
