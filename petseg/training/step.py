"""The training and validation steps, run on all replicas."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.core.errors import PetsegError
from petseg.core.training_params import Training
from petseg.training.confusion import confusion_matrices
from petseg.training.loss_scale import LEAST, not_finite, overflowed, succeeded
from petseg.training.losses import Objective, segmentation_loss
from petseg.training.optimizers import Group
from petseg.training.state import State

_NOT_FINITE = re.compile(r"(the (?:loss|gradient of .+)) : Tensor had (.+ values)")
"""Finds the cause in TensorFlow's error, which repeats it for each replica."""


def training_step(
    state: State, params: Training, objective: Objective, strategy: tf.distribute.Strategy
) -> Callable:
    """Returns a function that updates the model: (images, masks, EMA decay) -> (loss, matrix).

    Images are float32 (B, H, W, 3) in [0, 255], masks uint8 (B, H, W); returns mean loss and
    confusion matrix, int64 (C, C). If the loss or a gradient is not finite, it raises
    tf.errors.InvalidArgumentError and changes nothing; in float16, overflow only lowers the loss
    scale.
    """
    classes = len(objective.class_weights)
    averages = list(zip(state.averaged.weights, state.model.weights, strict=True))
    scaling: Any = state.loss_scale

    def differentiate(images, masks):
        with tf.GradientTape() as tape:
            logits = state.accelerated(images, training=True)
            losses = segmentation_loss(masks, logits, objective)
            loss = tf.reduce_sum(losses) / params.batch_size
            scaled = loss * scaling.scale if scaling else loss
        sources = [[variable.value for variable in group.variables] for group in state.groups]
        gradients = tape.gradient(scaled, sources)
        if scaling:
            gradients = tf.nest.map_structure(lambda found: found / scaling.scale, gradients)
        counts = confusion_matrices(masks, tf.argmax(logits, axis=-1), classes)
        return loss, tf.reduce_sum(counts, axis=0), gradients

    def update(loss, gradients, decay):
        with tf.control_dependencies(_finite(loss, gradients, state.groups)):
            for group, found in zip(state.groups, gradients, strict=True):
                group.optimizer.apply(found, group.variables)  # sums over replicas
            if params.ema_decay:
                for average, weight in averages:
                    average.assign(weight + decay * (average - weight))

    def step(images, masks, decay):
        loss, counts, gradients = differentiate(images, masks)
        update(loss, gradients, decay)
        return loss, counts

    def scaled_step(images, masks, decay):
        loss, counts, gradients = strategy.run(differentiate, (images, masks))
        overflows = strategy.reduce("SUM", strategy.run(not_finite, (gradients,)), axis=None)
        if overflows == 0 or scaling.scale <= LEAST:  # at LEAST, `update` raises the error
            strategy.run(update, (loss, gradients, decay))
            succeeded(scaling)
        else:
            overflowed(scaling)
        return [strategy.reduce("SUM", result, axis=None) for result in (loss, counts)]

    return tf.function(scaled_step if scaling else _summed(step, strategy))


def validation_step(
    state: State, objective: Objective, strategy: tf.distribute.Strategy
) -> Callable:
    """Returns a function that scores averaged weights: (images, masks, counted) -> (loss, matrix).

    As `training_step`, but images are uint8, and the loss sums those `counted`, bool (B,).
    """
    classes = len(objective.class_weights)
    with strategy.scope():
        model = accelerate(state.averaged)

    def step(images, masks, counted):
        logits = model(tf.cast(images, tf.float32), training=False)
        losses = segmentation_loss(masks, logits, objective)
        counts = confusion_matrices(masks, tf.argmax(logits, axis=-1), classes)
        chosen = tf.cast(counted, counts.dtype)[:, None, None]
        loss = tf.reduce_sum(losses * tf.cast(counted, losses.dtype))
        loss = tf.debugging.check_numerics(loss, "the loss")  # covers the epoch's last update
        return loss, tf.reduce_sum(counts * chosen, axis=0)

    return tf.function(_summed(step, strategy), reduce_retracing=True)


@contextmanager
def report_not_finite(where: str) -> Iterator[None]:
    """Turns errors about values that are not finite into a PetsegError."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = _NOT_FINITE.search(error.message)
        if not found:
            raise
        what, values = found.groups()
        raise PetsegError(
            f"{what} has {values} at {where}; no model was saved. "
            "A lower learning_rate or a longer warm-up usually helps"
        ) from None


def _finite(loss, gradients: Sequence[Sequence], groups: Sequence[Group]) -> list[tf.Tensor]:
    """Returns tensors that fail unless loss and gradients are finite."""
    with tf.control_dependencies([tf.debugging.check_numerics(loss, "the loss")]):
        return [
            tf.debugging.check_numerics(gradient, f"the gradient of {variable.path}")
            for group, found in zip(groups, gradients, strict=True)
            for variable, gradient in zip(group.variables, found, strict=True)
            if gradient is not None  # None if the logits do not depend on it
        ]


def _summed(function: Callable, strategy: tf.distribute.Strategy) -> Callable:
    """Runs `function` on each replica, and sums its results."""

    def run(*args):
        results = strategy.run(function, args)
        return [strategy.reduce("SUM", result, axis=None) for result in results]

    return run
