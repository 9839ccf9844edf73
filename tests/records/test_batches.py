"""Batches: each example once, with order and augmentation from seed and epoch."""

import numpy as np
import pytest
import tensorflow as tf

from petseg.core.errors import PetsegError
from petseg.records import Examples
from petseg.records.batches import evaluation_batches, training_batches
from petseg.records.source import in_memory
from tests.helpers.sections import SHIPPED, changed

COUNT, SIZE = 11, (8, 12)


@pytest.fixture
def examples() -> Examples:
    """Example i has the grey level 20 * i, to identify it after shuffling."""
    levels = 20 * np.arange(COUNT, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (COUNT, *SIZE, 3)).copy()
    masks = (images[..., 0] // 20) % 3
    return Examples(images, masks)


def epoch(examples, epoch, seed=1, replicas=(), **changes):
    section = SHIPPED.train_unet.augmentation
    still = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    settings = changed(section, **(still | changes))
    batches = training_batches(
        in_memory(examples),
        batch_size=4,
        seed=seed,
        epoch=epoch,
        augmentation=settings,
        context=tf.distribute.InputContext(*replicas),
    )
    return [(images.numpy(), masks.numpy()) for images, masks in batches]


def levels(batches) -> list[int]:
    return [round(float(image.mean()) / 20) for images, _ in batches for image in images]


def test_epoch_has_full_batches_of_different_examples(examples):
    batches = epoch(examples, 0)
    assert [images.shape for images, _ in batches] == [(4, *SIZE, 3)] * 2
    seen = levels(batches)
    assert len(set(seen)) == 8
    for (_, masks), start in zip(batches, (0, 4), strict=True):
        assert [int(m[0, 0]) for m in masks] == [i % 3 for i in seen[start : start + 4]]


def test_order_depends_on_seed_and_epoch(examples):
    assert levels(epoch(examples, 3)) == levels(epoch(examples, 3))
    assert levels(epoch(examples, 3)) != levels(epoch(examples, 4))
    assert levels(epoch(examples, 3)) != levels(epoch(examples, 3, seed=2))


def test_repeated_epoch_is_bit_identical(examples):
    once, again = (epoch(examples, 2, brightness=0.5, contrast=0.5) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_batch_larger_than_split_is_refused(examples):
    section = SHIPPED.train_unet.augmentation
    with pytest.raises(PetsegError, match=r"batch_size 12 is larger .* 11 images"):
        training_batches(in_memory(examples), batch_size=12, seed=1, epoch=0, augmentation=section)


def test_evaluation_keeps_all_examples_unchanged(examples):
    batches = list(evaluation_batches(in_memory(examples), batch_size=4))
    assert [len(images) for images, *_ in batches] == [4, 4, 3]
    assert all(np.all(counted) for *_, counted in batches)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), examples.images)
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), examples.masks)


@pytest.mark.parametrize("workers", [1, 2])
def test_replicas_share_the_batches_of_one_device(examples, workers):
    """With two replicas on each worker, the joined parts equal the batch.

    Up to rounding: for few numbers, a CPU may compute a sine with other instructions.
    """
    replicas = 2 * workers
    alone = epoch(examples, 5, brightness=0.5)
    shared = [
        epoch(examples, 5, replicas=(workers, worker, replicas), brightness=0.5)
        for worker in range(workers)
    ]
    for index, (images, masks) in enumerate(alone):
        parts = [part for own in shared for part in own[2 * index : 2 * index + 2]]
        assert {len(part[0]) for part in parts} == {4 // replicas}
        together = np.concatenate([part[0] for part in parts])
        np.testing.assert_allclose(together, images, rtol=0, atol=0.01)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), masks)


@pytest.mark.parametrize("workers", [1, 2])
def test_evaluation_counts_each_example_on_one_replica(examples, workers):
    seen = []
    for worker in range(workers):
        context = tf.distribute.InputContext(workers, worker, 2 * workers)
        batches = list(evaluation_batches(in_memory(examples), batch_size=4, context=context))
        assert {len(images) for images, *_ in batches} == {2 // workers}
        assert len(batches) == 2 * 3
        seen += [image[0, 0, 0] // 20 for i, _, c in batches for image in i.numpy()[c.numpy()]]
    assert sorted(map(int, seen)) == list(range(COUNT))
