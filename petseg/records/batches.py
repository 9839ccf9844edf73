"""Batches of examples, in an order that depends only on the seed and the epoch.

A batch is the same for any number of replicas. Each replica gets a consecutive part of it. Each
worker reads only the parts of its own replicas.
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
    """Returns an epoch of shuffled, augmented batches.

    Images are float32 (B, H, W, 3) in [0, 255], masks uint8 (B, H, W). Examples that do not fill
    the last batch are skipped. The order changes in each epoch, so other examples are skipped in
    the next. With several replicas, B is `batch_size` / replicas. Raises PetsegError if the split
    does not fill one batch.
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
    """Returns all examples in order, in batches: images, masks, and whether each example counts.

    Images are uint8 (B, H, W, 3), masks uint8 (B, H, W), the third element bool (B,). With several
    replicas, whose parts have the same size, the last batch is padded with examples that do not
    count.
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
    """Returns the indices for this worker's replicas, ordered by batch, then by replica."""
    workers, replicas = context.num_input_pipelines, context.num_replicas_in_sync
    if workers == 1:
        return indices
    parts = indices.reshape(-1, workers, replicas // workers, batch_size // replicas)
    return parts[:, context.input_pipeline_id].ravel()


def _fetch(source: Source, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    size, kinds = source.image_size, (tf.uint8, tf.uint8)
    # With op determinism, TensorFlow would run stateful functions one at a time.
    images, masks = tf.numpy_function(source.fetch, [indices], kinds, stateful=False)
    count = indices.shape[0]
    return (
        tf.ensure_shape(images, (count, *size, 3)),
        tf.ensure_shape(masks, (count, *size)),
    )


def _in_background(indices: tf.data.Dataset, batch) -> tf.data.Dataset:
    # With the autotuner, deleting an iterator waits for its next wake-up: up to a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = os.cpu_count()
    batches = indices.map(batch, num_parallel_calls=1, deterministic=True)
    return batches.prefetch(2).with_options(options)
