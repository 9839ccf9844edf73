"""Shards and their indices: counts, sizes, repeatability, and full disks."""

import numpy as np
import pytest

from petseg import records
from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError
from petseg.core.files import atomic_folder, file_sha256
from tests.helpers.records import random_example, write_random, write_records
from tests.helpers.specs import PETS, STREET

SIZE = (4, 6)
COUNTS = {"train": 5, "validation": 2, "test": 3}


def test_shards_have_the_given_size_and_an_index(tmp_path):
    entries = write_random(tmp_path, COUNTS, SIZE)
    assert {split: entry["examples"] for split, entry in entries.items()} == COUNTS
    shards = entries["train"]["shards"]
    assert [(shard["examples"], list(shard["files"])) for shard in shards] == [
        (2, ["train-00000.tfrecord", "train-00000.csv"]),
        (2, ["train-00001.tfrecord", "train-00001.csv"]),
        (1, ["train-00002.tfrecord", "train-00002.csv"]),
    ]


def test_summary_has_size_and_checksum_of_every_file(tmp_path):
    entries = write_random(tmp_path, COUNTS, SIZE)
    entries_of_files = {
        name: entry
        for split in entries.values()
        for shard in split["shards"]
        for name, entry in shard["files"].items()
    }
    written = {path.name: path for path in tmp_path.iterdir() if path.name != records.MANIFEST}
    assert entries_of_files == {
        name: {"bytes": len(path.read_bytes()), "sha256": file_sha256(path)}
        for name, path in written.items()
    }


def test_summary_counts_pixels_of_each_class(tmp_path):
    examples = [random_example(name, SIZE) for name in ("a", "b", "c")]
    pixels = write_records(tmp_path, {"train": examples}, image_size=SIZE)["train"]["class_pixels"]
    masks = np.stack([one.mask for one in examples])
    assert pixels == {name: np.sum(masks == label) for label, name in enumerate(PETS.class_names)}


def test_summary_counts_void_and_absent_classes(tmp_path):
    mask = np.full(SIZE, VOID, np.uint8)
    mask[0, :3] = 7, 7, 19
    image = np.zeros((*SIZE, 3), np.uint8)
    examples = [records.Example(image, mask, name, ("Ulm",)) for name in ("a", "b")]
    options = {"image_size": SIZE, "spec": STREET}
    entry = write_records(tmp_path, {"train": examples}, **options)["train"]
    assert entry["void_pixels"] == 2 * (4 * 6 - 3)
    pixels = {name: count for name, count in entry["class_pixels"].items() if count}
    assert pixels == {"class 7": 4, "class 19": 2}
    assert list(entry["class_pixels"]) == list(STREET.class_names)


def test_empty_split_has_no_shards(tmp_path):
    summary = write_records(tmp_path, {"train": []}, image_size=SIZE)["train"]
    assert (summary["examples"], summary["shards"]) == (0, [])
    assert [path.name for path in tmp_path.iterdir()] == [records.MANIFEST]


def test_files_are_byte_identical_between_runs(tmp_path):
    for run in ("one", "two"):
        write_random(tmp_path / run, COUNTS, SIZE)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 2 * (3 + 1 + 2) + 1
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_full_disk_is_reported_and_keeps_old_records(small_disk):
    """TensorFlow raises its own error when it writes or closes a shard."""
    folder = small_disk / "records"
    with atomic_folder(folder) as new:
        write_random(new, COUNTS, SIZE)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for count, size in ((100, (64, 64)), (1, (300, 300))):
        with pytest.raises(PetsegError) as caught, atomic_folder(folder) as new:
            examples = [random_example(str(i), size) for i in range(count)]
            write_records(new, {"train": examples}, image_size=SIZE, shard_examples=100)
        assert str(caught.value).startswith(f"{folder} could not be written (")
        assert f"free in {small_disk} are needed" in str(caught.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert list(small_disk.iterdir()) == [folder]
