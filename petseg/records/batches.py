"""Examples -> batches, in an order that follows from the seed and the epoch alone.

A batch is the same whatever number of replicas shares it: each replica takes a part of it, one
after the other, and each worker reads its own replicas' parts only.
"""

import os

import numpy as np
import tensorflow as tf

from petseg.core.errors import PetsegError
from petseg.core.training_params import Augmentation
from petseg.records.augmentation import augment, draw
from petseg.records.source import Source

ALONE = tf.distribute.InputContext()
"""One worker with one replica."""


def training_batches(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    augmentation: Augmentation,
    context: tf.distribute.InputContext = ALONE,
) -> tf.data.Dataset:
    """An epoch of shuffled, augmented batches: images float32 (B, H, W, 3), masks uint8 (B, H, W).

    Images are in [0, 255]. The examples that do not fill the last batch wait for another epoch, in
    which the order puts others last. With several replicas B is `batch_size` / replicas.
    PetsegError where the split does not fill a single batch.
    """
    count = source.count
    if count < batch_size:
        raise PetsegError(
            f"batch_size {batch_size} is larger than the training split of {count} images"
        )
    draws = draw(count, seed, epoch)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    whole = order[: count // batch_size * batch_size]

    def batch(indices):
        images, masks = _fetch(source, indices)
        return augment(images, masks, tf.gather(draws, indices), augmentation)

    part = tf.data.Dataset.from_tensor_slices(_part(whole, batch_size, context))
    size = context.get_per_replica_batch_size(batch_size)
    return _in_background(part.batch(size, drop_remainder=True), batch)


def evaluation_batches(
    source: Source, *, batch_size: int, context: tf.distribute.InputContext = ALONE
) -> tf.data.Dataset:
    """All examples in order, in batches: images uint8 (B, H, W, 3), masks uint8 (B, H, W).

    The third element says which of them count, bool (B,): with several replicas, whose parts have
    the same size, the last batch is filled up with examples that do not.
    """
    alone = context.num_replicas_in_sync == 1
    indices = np.arange(source.count if alone else -(-source.count // batch_size) * batch_size)

    def batch(indices):
        counts = indices < source.count
        return *_fetch(source, tf.minimum(indices, source.count - 1)), counts

    part = tf.data.Dataset.from_tensor_slices(_part(indices, batch_size, context))
    size = context.get_per_replica_batch_size(batch_size)
    return _in_background(part.batch(size), batch)


def _part(indices: np.ndarray, batch_size: int, context: tf.distribute.InputContext) -> np.ndarray:
    """The indices that this worker's replicas take, batch for batch and replica for replica."""
    workers, replicas = context.num_input_pipelines, context.num_replicas_in_sync
    if workers == 1:
        return indices
    parts = indices.reshape(-1, workers, replicas // workers, batch_size // replicas)
    return parts[:, context.input_pipeline_id].ravel()


def _fetch(source: Source, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    size, kinds = source.image_size, (tf.uint8, tf.uint8)
    # Stateful it would be called one at a time, as op determinism wants of all that is.
    images, masks = tf.numpy_function(source.fetch, [indices], kinds, stateful=False)
    count = indices.shape[0]
    return (
        tf.ensure_shape(images, (count, *size, 3)),
        tf.ensure_shape(masks, (count, *size)),
    )


def _in_background(indices: tf.data.Dataset, batch) -> tf.data.Dataset:
    # With the autotuner on, dropping an iterator waits for its next wake-up: up to a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = os.cpu_count()
    batches = indices.map(batch, num_parallel_calls=1, deterministic=True)
    return batches.prefetch(2).with_options(options)
