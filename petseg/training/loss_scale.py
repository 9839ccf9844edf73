"""Loss scaling, without which gradients that are too small for float16 would be 0.

The loss is multiplied by a number before it is differentiated, and the gradients are divided by it.
Where they overflow all the same, the update is left out and the number halved; after enough updates
without that it is doubled. Source: Micikevicius et al., arXiv:1710.03740, section 3.2.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

INITIAL = 2.0**15
LEAST = 1.0
"""At this, gradients are those of the loss itself: what is not finite then is no overflow."""

UPDATES_TO_DOUBLE = 2000


class LossScale(NamedTuple):
    """What the loss is multiplied by, and how many updates have succeeded since it changed."""

    scale: keras.Variable
    updates: keras.Variable


def create(policy: str) -> LossScale | None:
    """The state of loss scaling for a Keras dtype policy, None where it needs none.

    Call it in the scope of the strategy that trains.
    """
    if policy != "mixed_float16":
        return None
    return LossScale(
        keras.Variable(INITIAL, trainable=False, dtype="float32", name="loss_scale"),
        keras.Variable(0, trainable=False, dtype="int32", name="updates_since_change"),
    )


def not_finite(gradients) -> tf.Tensor:
    """How many of these gradients, float32 tensors or None, hold a number that is not finite."""
    finite = [
        tf.reduce_all(tf.math.is_finite(found))
        for found in tf.nest.flatten(gradients)
        if found is not None
    ]
    return tf.reduce_sum(tf.cast(~tf.stack(finite), tf.int32))


def succeeded(state: LossScale) -> None:
    """Notes an update; doubles the scale after UPDATES_TO_DOUBLE of them."""
    double = state.updates + 1 >= UPDATES_TO_DOUBLE
    state.scale.assign(tf.where(double, state.scale * 2, state.scale))
    state.updates.assign(tf.where(double, 0, state.updates + 1))


def overflowed(state: LossScale) -> None:
    """Halves the scale."""
    state.scale.assign(tf.maximum(state.scale / 2, LEAST))
    state.updates.assign(0)
