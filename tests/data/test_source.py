"""Examples by their number: from memory and from disk alike, and damage never passes unseen."""

import threading

import numpy as np
import pytest

from petseg.data import records
from petseg.data.source import in_memory, on_disk
from petseg.errors import PetsegError
from tests.helpers.records import write_records

SIZE, COUNT = 4, 11


@pytest.fixture
def folder(tmp_path):
    """Names of different lengths, so that records are; and a validation split without examples."""
    rng = np.random.default_rng(0)
    examples = []
    for index in range(COUNT):
        image = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        mask = rng.integers(0, 3, (SIZE, SIZE), np.uint8)
        examples.append(records.Example(image, mask, index * "a", index, 0))
    splits = {"train": examples, "validation": []}
    write_records(tmp_path, splits, image_size=SIZE, shard_examples=4)
    return tmp_path


@pytest.mark.parametrize("numbers", [range(COUNT), [7, 0, 10, 3, 3], [4]])
def test_disk_and_memory_give_the_same_in_any_order(folder, numbers):
    loaded = records.load(folder, "train")
    for source in (in_memory(loaded), on_disk(folder, "train")):
        assert (source.count, source.image_size) == (COUNT, SIZE)
        images, masks = source.fetch(np.array(numbers))
        assert images.dtype == masks.dtype == np.uint8
        np.testing.assert_array_equal(images, loaded.images[list(numbers)])
        np.testing.assert_array_equal(masks, loaded.masks[list(numbers)])


def test_many_may_read_at_once(folder):
    source, loaded, wrong = on_disk(folder, "train"), records.load(folder, "train"), []

    def read(seed):
        numbers = np.random.default_rng(seed).integers(COUNT, size=500)
        if not np.array_equal(source.fetch(numbers)[0], loaded.images[numbers]):
            wrong.append(seed)

    threads = [threading.Thread(target=read, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_split_without_examples(folder):
    assert on_disk(folder, "validation").count == 0


def test_a_shard_with_fewer_examples_than_its_manifest_says_is_named(folder):
    shard = folder / "train-00001.tfrecord"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 4])
    with pytest.raises(PetsegError, match=r"train-00001\.tfrecord holds \d examples, not 4"):
        on_disk(folder, "train")


def test_a_shard_that_is_cut_later_is_named(folder):
    source = on_disk(folder, "train")
    (folder / "train-00002.tfrecord").write_bytes(b"")
    with pytest.raises(PetsegError, match=r"train-00002\.tfrecord was cut"):
        source.fetch(np.array([COUNT - 1]))
