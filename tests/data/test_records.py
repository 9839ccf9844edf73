"""What is written as records is read back, and damage never passes for a smaller dataset."""

import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from petseg.classes import CLASS_NAMES
from petseg.data import records
from petseg.errors import PetsegError
from petseg.files import atomic_folder, read_json
from tests.helpers.records import write_records

SIZE = 4
COUNTS = {"train": 5, "validation": 2, "test": 3}


def example(name: str, size: int = SIZE) -> records.Example:
    rng = np.random.default_rng(list(name.encode()))
    image = rng.integers(0, 256, (size, size, 3), np.uint8)
    mask = rng.integers(0, 3, (size, size), np.uint8)
    return records.Example(image, mask, name, breed=int(rng.integers(37)), species=len(name) % 2)


def write(folder: Path, splits: dict[str, list], *, size: int = SIZE, **options) -> dict:
    return write_records(folder, splits, image_size=size, **options)


def write_all(folder: Path) -> dict:
    return write(
        folder,
        {split: [example(f"{split}_{i}") for i in range(n)] for split, n in COUNTS.items()},
    )


def assert_same(found, expected) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.image.dtype, one.mask.dtype) == (np.uint8, np.uint8)
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.mask, other.mask)
        assert one[2:] == other[2:]


@st.composite
def same_sized_examples(draw):
    size = draw(st.integers(1, 8))
    one = st.builds(
        records.Example,
        image=arrays(np.uint8, (size, size, 3)),
        mask=arrays(np.uint8, (size, size), elements=st.integers(0, 2)),
        name=st.text(),
        breed=st.integers(0, 36),
        species=st.integers(0, 1),
    )
    return size, draw(st.lists(one, min_size=1, max_size=5))


@settings(max_examples=20, deadline=None)
@given(same_sized_examples(), st.integers(1, 3))
def test_what_is_written_is_read_back(sized, shard_examples):
    size, examples = sized
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, {"train": examples}, size=size, shard_examples=shard_examples)
        records.verify(folder, ("train",))
        assert_same(list(records.read(folder, "train")), examples)


def test_a_path_with_spaces_and_foreign_letters_and_a_whole_split_in_memory(tmp_path):
    folder = tmp_path / "Räume für Tiere 犬"
    names = ["Müller 犬", "b", "a"]
    write(folder, {"test": [example(name) for name in names]})
    records.verify(folder, ("test",))
    loaded = records.load(folder, "test")
    assert loaded.names.tolist() == names
    found = [records.Example(*row) for row in zip(*loaded, strict=True)]
    assert_same(found, [example(name) for name in names])


def test_shards_hold_as_many_examples_as_asked_for(tmp_path):
    entries = write_all(tmp_path)
    assert {split: entry["examples"] for split, entry in entries.items()} == COUNTS
    sizes = [(shard["file"], shard["examples"]) for shard in entries["train"]["shards"]]
    assert sizes == [
        ("train-00000.tfrecord", 2),
        ("train-00001.tfrecord", 2),
        ("train-00002.tfrecord", 1),
    ]
    assert all((tmp_path / name).is_file() for name, _ in sizes)


def test_the_summary_counts_the_pixels_of_each_class(tmp_path):
    examples = [example(name) for name in ("a", "b", "c")]
    pixels = write(tmp_path, {"train": examples})["train"]["class_pixels"]
    masks = np.stack([one.mask for one in examples])
    assert pixels == {name: np.sum(masks == label) for label, name in enumerate(CLASS_NAMES)}


def test_a_split_without_examples_has_no_shards(tmp_path):
    summary = write(tmp_path, {"train": []})["train"]
    assert (summary["examples"], summary["shards"]) == (0, [])


def test_the_same_bytes_from_run_to_run(tmp_path):
    for run in ("one", "two"):
        write_all(tmp_path / run)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 3 + 1 + 2 + 1
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


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
        (add_a_shard, r"train-00003\.tfrecord is one too many"),
        (flip_a_bit, r"train-00001\.tfrecord has changed since it was written"),
    ],
)
def test_a_damaged_shard_is_named_with_the_way_to_mend_it(tmp_path, damage, message):
    write_all(tmp_path)
    records.verify(tmp_path)
    damage(tmp_path / "train-00001.tfrecord")
    with pytest.raises(PetsegError, match=message) as caught:
        records.verify(tmp_path)
    assert "dvc repro -f preprocess" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    records.verify(tmp_path, ("validation", "test"))


def test_tensorflow_alone_would_not_notice_a_cut_between_two_records(tmp_path):
    write_all(tmp_path)
    cut_between_two_records(tmp_path / "train-00001.tfrecord")
    assert len(list(records.read(tmp_path, "train"))) == COUNTS["train"] - 1


def test_all_damaged_shards_are_named_at_once(tmp_path):
    write_all(tmp_path)
    (tmp_path / "train-00000.tfrecord").unlink()
    flip_a_bit(tmp_path / "test-00001.tfrecord")
    with pytest.raises(PetsegError) as caught:
        records.verify(tmp_path)
    assert "train-00000.tfrecord is missing" in str(caught.value)
    assert "test-00001.tfrecord has changed" in str(caught.value)


@pytest.mark.parametrize("text", [None, "", '{"image_size": 4, "spl', "[]", "{}", '{"splits": 1}'])
def test_a_missing_or_damaged_manifest_is_named_with_the_way_to_mend_it(tmp_path, text):
    write_all(tmp_path)
    (tmp_path / records.MANIFEST).unlink()
    if text is not None:
        (tmp_path / records.MANIFEST).write_text(text)
    for use in (records.verify, lambda folder: records.load(folder, "train")):
        with pytest.raises(PetsegError, match=r"manifest\.json is missing or damaged") as caught:
            use(tmp_path)
        assert "dvc repro -f preprocess" in str(caught.value)


def test_a_full_disk_is_named_and_the_old_records_stay(small_disk):
    """TensorFlow raises an error of its own, when a shard is written or when it is closed."""
    folder = small_disk / "records"
    with atomic_folder(folder) as new:
        write_all(new)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for count, size in ((100, 64), (1, 300)):
        with pytest.raises(PetsegError) as caught, atomic_folder(folder) as new:
            write(new, {"train": [example(str(i), size) for i in range(count)]}, shard_examples=100)
        assert str(caught.value).startswith(f"{folder} could not be written (")
        assert f"free in {small_disk} are needed" in str(caught.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert list(small_disk.iterdir()) == [folder]


def test_verify_returns_the_manifest(tmp_path):
    write_all(tmp_path)
    assert records.verify(tmp_path) == read_json(tmp_path / records.MANIFEST)
