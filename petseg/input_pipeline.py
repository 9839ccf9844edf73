"""Examples in memory -> batches, in an order that follows from the seed and the epoch alone."""

import os

import numpy as np
import tensorflow as tf

from petseg.augment import augment, draw
from petseg.data.records import Examples
from petseg.errors import PetsegError
from petseg.params import Augmentation


def training_batches(
    examples: Examples, *, batch_size: int, seed: int, epoch: int, augmentation: Augmentation
) -> tf.data.Dataset:
    """An epoch of shuffled, augmented batches: images float32 (B, S, S, 3), masks uint8 (B, S, S).

    Images are in [0, 255]. The examples that do not fill the last batch wait for another epoch, in
    which the order puts others last. PetsegError where the split does not fill a single batch.
    """
    count = len(examples.images)
    if count < batch_size:
        raise PetsegError(
            f"batch_size {batch_size} is larger than the training split of {count} photographs"
        )
    images, masks = tf.constant(examples.images), tf.constant(examples.masks)
    draws = draw(count, seed, epoch)
    order = np.random.default_rng([seed, epoch]).permutation(count)

    def batch(indices):
        return augment(
            tf.gather(images, indices),
            tf.gather(masks, indices),
            tf.gather(draws, indices),
            augmentation,
        )

    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)
    return _in_background(batches.map(batch, num_parallel_calls=1, deterministic=True))


def evaluation_batches(examples: Examples, *, batch_size: int) -> tf.data.Dataset:
    """All examples in order, in batches: images uint8 (B, S, S, 3), masks uint8 (B, S, S)."""
    pictures = (examples.images, examples.masks)
    return _in_background(tf.data.Dataset.from_tensor_slices(pictures).batch(batch_size))


def _in_background(batches: tf.data.Dataset) -> tf.data.Dataset:
    # With the autotuner on, dropping an iterator waits for its next wake-up: up to a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = os.cpu_count()
    return batches.prefetch(2).with_options(options)
