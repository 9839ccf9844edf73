"""Loss scaling, so that small gradients do not become 0 in float16.

Multiplies the loss by a scale and divides gradients by it. Overflow skips the update and halves
the scale, enough updates without double it: Micikevicius et al., arXiv:1710.03740, section 3.2.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

INITIAL = 2.0**15
LEAST = 1.0
"""At this scale, gradients are those of the loss itself, so infinite ones are not an overflow."""

UPDATES_TO_DOUBLE = 2000


class LossScale(NamedTuple):
    """The loss's factor, and successful updates since its last change."""

    scale: keras.Variable
    updates: keras.Variable


def create(policy: str) -> LossScale | None:
    """Returns the state for a Keras dtype policy, or None; call it in the strategy's scope."""
    if policy != "mixed_float16":
        return None
    return LossScale(
        keras.Variable(INITIAL, trainable=False, dtype="float32", name="loss_scale"),
        keras.Variable(0, trainable=False, dtype="int32", name="updates_since_change"),
    )


def not_finite(gradients) -> tf.Tensor:
    """Counts gradients (float32 or None) with values that are not finite."""
    finite = [
        tf.reduce_all(tf.math.is_finite(found))
        for found in tf.nest.flatten(gradients)
        if found is not None
    ]
    return tf.reduce_sum(tf.cast(~tf.stack(finite), tf.int32))


def succeeded(state: LossScale) -> None:
    """Counts an update; doubles the scale after UPDATES_TO_DOUBLE."""
    double = state.updates + 1 >= UPDATES_TO_DOUBLE
    state.scale.assign(tf.where(double, state.scale * 2, state.scale))
    state.updates.assign(tf.where(double, 0, state.updates + 1))


def overflowed(state: LossScale) -> None:
    """Halves the scale."""
    state.scale.assign(tf.maximum(state.scale / 2, LEAST))
    state.updates.assign(0)
