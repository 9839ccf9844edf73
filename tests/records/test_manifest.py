"""Damaged records are reported with the fix, and never read as a smaller dataset."""

import struct
from pathlib import Path

import pytest

from petseg import records
from petseg.core.errors import PetsegError
from petseg.core.files import read_json, write_json
from tests.helpers.records import random_example, write_random, write_records
from tests.helpers.specs import STREET

SIZE = (4, 6)
COUNTS = {"train": 5, "validation": 2, "test": 3}


def cut_inside_a_record(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-5])


def cut_between_two_records(shard: Path) -> None:
    data = shard.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    shard.write_bytes(data[: 8 + 4 + length + 4])  # length, its checksum, data, their checksum


def flip_a_bit(shard: Path) -> None:
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)


def add_a_shard(shard: Path) -> None:
    shard.with_name("train-00003.tfrecord").write_bytes(shard.read_bytes())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_inside_a_record, r"train-00001\.tfrecord has \d+ bytes, not \d+"),
        (cut_between_two_records, r"train-00001\.tfrecord has \d+ bytes, not \d+"),
        (Path.unlink, r"train-00001\.tfrecord is missing"),
        (add_a_shard, r"train-00003\.tfrecord is not in the manifest"),
        (flip_a_bit, r"train-00001\.tfrecord has changed since it was written"),
    ],
)
def test_damaged_shard_is_reported_with_fix(tmp_path, damage, message):
    write_random(tmp_path, COUNTS, SIZE)
    records.verify(tmp_path)
    damage(tmp_path / "train-00001.tfrecord")
    with pytest.raises(PetsegError, match=message) as caught:
        records.verify(tmp_path)
    assert "dvc repro -f preprocess" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    records.verify(tmp_path, ("validation", "test"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, r"train-00001\.csv is missing"),
        (cut_inside_a_record, r"train-00001\.csv has \d+ bytes, not \d+"),
        (flip_a_bit, r"train-00001\.csv has changed since it was written"),
    ],
)
def test_damaged_index_is_reported(tmp_path, damage, message):
    write_random(tmp_path, COUNTS, SIZE)
    damage(tmp_path / "train-00001.csv")
    with pytest.raises(PetsegError, match=message):
        records.verify(tmp_path)


def test_tensorflow_does_not_detect_truncation_between_records(tmp_path):
    write_random(tmp_path, COUNTS, SIZE)
    cut_between_two_records(tmp_path / "train-00001.tfrecord")
    assert len(list(records.read(tmp_path, "train"))) == COUNTS["train"] - 1


def test_all_damaged_shards_are_reported_at_once(tmp_path):
    write_random(tmp_path, COUNTS, SIZE)
    (tmp_path / "train-00000.tfrecord").unlink()
    flip_a_bit(tmp_path / "test-00001.tfrecord")
    with pytest.raises(PetsegError) as caught:
        records.verify(tmp_path)
    assert "train-00000.tfrecord is missing" in str(caught.value)
    assert "test-00001.tfrecord has changed" in str(caught.value)


DAMAGED = [None, "", '{"image_size": [4, 6], "spl', "[]", "{}", '{"splits": 1}']
EARLIER = '{"image_size": 4, "splits": {}}'
"""From a version of this package whose records did not contain the dataset's spec."""


@pytest.mark.parametrize("text", [*DAMAGED, EARLIER])
def test_missing_or_damaged_manifest_is_reported_with_fix(tmp_path, text):
    write_random(tmp_path, COUNTS, SIZE)
    (tmp_path / records.MANIFEST).unlink()
    if text is not None:
        (tmp_path / records.MANIFEST).write_text(text)
    for use in (records.verify, lambda folder: records.load(folder, "train")):
        with pytest.raises(PetsegError, match=r"manifest\.json is missing or damaged") as caught:
            use(tmp_path)
        assert "dvc repro -f preprocess" in str(caught.value)


def test_records_with_another_layout_are_refused(tmp_path):
    """For example, of an earlier version of this package, whose shards had no index."""
    write_random(tmp_path, COUNTS, SIZE)
    content = read_json(tmp_path / records.MANIFEST)
    (shard,) = content["splits"]["validation"]["shards"]
    del shard["files"]
    write_json(tmp_path / records.MANIFEST, content)
    for use in (records.verify, lambda folder: records.index(folder, "validation")):
        with pytest.raises(
            PetsegError, match=r"another layout; rebuild .* dvc repro -f preprocess"
        ):
            use(tmp_path)


def test_damaged_spec_is_reported(tmp_path):
    write_random(tmp_path, COUNTS, SIZE)
    content = read_json(tmp_path / records.MANIFEST)
    del content["dataset"]["classes"]
    write_json(tmp_path / records.MANIFEST, content)
    with pytest.raises(PetsegError, match=r"manifest\.json has 1 mistake:\n  - classes: missing"):
        records.spec(tmp_path)


def test_spec_and_image_size_of_records(tmp_path):
    example = random_example("a", SIZE, STREET)
    write_records(tmp_path, {"test": [example]}, image_size=SIZE, spec=STREET)
    assert records.spec(tmp_path) == STREET
    assert records.image_size(tmp_path) == SIZE


def test_verify_returns_the_manifest(tmp_path):
    write_random(tmp_path, COUNTS, SIZE)
    assert records.verify(tmp_path) == read_json(tmp_path / records.MANIFEST)
