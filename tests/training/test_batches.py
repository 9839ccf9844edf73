"""A run's data: updates, augmentation by epoch, damaged records."""

import numpy as np
import pytest
import tensorflow as tf

from petseg.core.errors import PetsegError
from petseg.records.augmentation import without_geometry
from petseg.training import batches
from tests.helpers.records import random_example, write_random
from tests.helpers.sections import SHIPPED, changed
from tests.helpers.specs import PETS

SIZE = (4, 6)


@pytest.fixture
def folder(tmp_path):
    write_random(tmp_path, {"train": 9, "validation": 3}, SIZE)
    return tmp_path


def opened(folder, **changes) -> batches.Batches:
    params = changed(SHIPPED.train_shallow, **({"batch_size": 4, "epochs": 3} | changes))
    strategy = tf.distribute.get_strategy()
    return batches.open_batches(folder, params, cache_mode="none", seed=1, strategy=strategy)


def test_an_epoch_has_one_batch_for_each_update(folder):
    data = opened(folder)
    assert data.steps == len(list(data.training_epoch(0))) == 2
    assert data.manifest["splits"]["train"]["examples"] == 9
    assert data.spec == PETS


def test_each_epoch_has_a_different_order(folder):
    data = opened(folder)
    first, again, second = (
        np.concatenate([masks for _, masks in data.training_epoch(epoch)]) for epoch in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_validation_has_every_example_unchanged(folder):
    images, masks, counted = zip(*opened(folder, batch_size=2).validation_pass(), strict=True)
    expected = [random_example(f"validation_{index}", SIZE) for index in range(3)]
    np.testing.assert_array_equal(np.concatenate(images), [one.image for one in expected])
    np.testing.assert_array_equal(np.concatenate(masks), [one.mask for one in expected])
    assert np.concatenate(counted).all()


@pytest.mark.parametrize(("last", "with_geometry"), [(0, 3), (2, 1), (3, 0), (9, 0)])
def test_the_last_epochs_are_without_geometry(folder, monkeypatch, last, with_geometry):
    used, made = [], batches.training_batches

    def watched(*args, augmentation, **options):
        used.append(augmentation)
        return made(*args, augmentation=augmentation, **options)

    monkeypatch.setattr(batches, "training_batches", watched)
    data = opened(folder, final_epochs_without_geometry=last)
    for epoch in range(3):
        data.training_epoch(epoch)
    shipped = SHIPPED.train_shallow.augmentation
    without = without_geometry(shipped)
    assert used == [shipped] * with_geometry + [without] * (3 - with_geometry)
    assert shipped != without


def test_damaged_records_are_refused(folder):
    (folder / "validation-00000.tfrecord").write_bytes(b"")
    with pytest.raises(PetsegError, match=r"validation-00000\.tfrecord has 0 bytes"):
        opened(folder)
