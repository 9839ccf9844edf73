"""Random access to examples, in memory and on disk, and detection of damage."""

import threading

import numpy as np
import pytest

from petseg import records
from petseg.core.errors import PetsegError
from petseg.records.source import in_memory, on_disk
from tests.helpers.records import random_example, write_records

SIZE, COUNT = (4, 6), 11


@pytest.fixture
def folder(tmp_path):
    """Records of different lengths, as their names are; and an empty validation split."""
    splits = {"train": [random_example(i * "a", SIZE) for i in range(COUNT)], "validation": []}
    write_records(tmp_path, splits, image_size=SIZE, shard_examples=4)
    return tmp_path


@pytest.mark.parametrize("indices", [range(COUNT), [7, 0, 10, 3, 3], [4]])
def test_disk_and_memory_give_the_same_examples(folder, indices):
    loaded = records.load(folder, "train")
    for source in (in_memory(loaded), on_disk(folder, "train")):
        assert (source.count, source.image_size) == (COUNT, SIZE)
        images, masks = source.fetch(np.array(indices))
        assert images.dtype == masks.dtype == np.uint8
        np.testing.assert_array_equal(images, loaded.images[list(indices)])
        np.testing.assert_array_equal(masks, loaded.masks[list(indices)])


def test_threads_read_in_parallel(folder):
    source, loaded, wrong = on_disk(folder, "train"), records.load(folder, "train"), []

    def read(seed):
        indices = np.random.default_rng(seed).integers(COUNT, size=500)
        if not np.array_equal(source.fetch(indices)[0], loaded.images[indices]):
            wrong.append(seed)

    threads = [threading.Thread(target=read, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_empty_split_has_count_0(folder):
    assert on_disk(folder, "validation").count == 0


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_shard_is_reported_for_lost_records_only(folder, share):
    """Truncated before or after the source is opened. Intact shards are still read."""
    earlier = on_disk(folder, "train")
    shard = folder / "train-00001.tfrecord"
    shard.write_bytes(shard.read_bytes()[: int(share * shard.stat().st_size)])
    loaded = records.index(folder, "train")
    last = np.flatnonzero(loaded["shard"] == shard.name)[-1:]
    for source in (earlier, on_disk(folder, "train")):
        assert source.count == COUNT
        with pytest.raises(PetsegError, match=r"train-00001\.tfrecord was truncated"):
            source.fetch(last)
        assert len(source.fetch(np.array([0, COUNT - 1]))[0]) == 2
